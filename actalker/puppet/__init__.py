"""Synthetic talking heads with exact ground truth: training and evaluation data of the demo checkpoint.

A person and a performance are pure functions of seeds and speech. `drawing.draw` draws one frame of them.
Lengths are fractions of the picture's width, colours are sRGB triples in [0, 1].
"""
