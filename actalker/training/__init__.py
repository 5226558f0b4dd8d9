"""Fitting the network: data, objectives and the loop. `flows/train.py` decides where it runs."""
