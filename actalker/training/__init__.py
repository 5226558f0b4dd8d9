"""Training and evaluation: data, objectives, the training loop, scores. `flows/train.py` runs the training."""
