"""The ACTalker network: tensors in, frames out. It knows no jobs, no CSV, no Prefect and no Ray."""
