"""Portraits, sound and driving frames to condition tokens."""
