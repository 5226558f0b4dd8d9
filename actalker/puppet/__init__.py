"""Synthetic talking heads with exact ground truth: what the demo checkpoint learns from and is measured on.

A person and a performance are pure functions of seeds and speech; `drawing.draw` turns one moment of both into
pixels. Lengths are fractions of the picture's width, colours are sRGB triples in [0, 1].
"""
