"""The ACTalker network: tensors in, frames out.

It does not depend on the batch pipeline (`tasks`, `flows`), on Prefect or on Ray.
"""
