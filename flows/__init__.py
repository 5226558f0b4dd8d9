"""When and how often: a batch is submitted, checked, planned, rendered, stitched, subtitled, assembled and recorded.

Prefect lives here. No pixels, no arithmetic.
"""
