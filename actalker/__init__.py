"""The ACTalker network: tensors in, frames out.

It knows no jobs, no CSV, no Prefect, no Ray and no files of the house.
"""
