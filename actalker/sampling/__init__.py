"""Sampling of latents: noise levels, guidance, sliding windows, solvers, and the loop over them; decoding.

schedule.py   noise levels of the steps
guidance.py   the passes of the network that a step needs, and their weights
options.py    all options, and the windows of frames that follow from them
solver.py     clean latents from the network's output, and the step to the next noise level
loop.py       the loop over steps, windows and passes
decoding.py   latents to pictures, chunk by chunk
"""

from actalker.sampling.decoding import decode
from actalker.sampling.guidance import Guidance
from actalker.sampling.loop import CancelledError, IsCancelled, OnStep, Scene, denoise
from actalker.sampling.options import LATENT_SCALE, Prediction, Sampling, Solver, windows
from actalker.sampling.schedule import Schedule
from actalker.sampling.solver import advance, clean_latents

__all__ = [
    "LATENT_SCALE",
    "CancelledError",
    "Guidance",
    "IsCancelled",
    "OnStep",
    "Prediction",
    "Sampling",
    "Scene",
    "Schedule",
    "Solver",
    "advance",
    "clean_latents",
    "decode",
    "denoise",
    "windows",
]
