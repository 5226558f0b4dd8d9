"""From portraits, sound and driving frames to condition tokens."""
