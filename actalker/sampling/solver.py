"""From the network's output to clean latents, and from one noise level to the next."""

import math
from collections.abc import Sequence

from torch import Tensor

from actalker.sampling.options import Prediction, Solver


def clean_latents(
    output: Tensor, x: Tensor, reference: Tensor, sigma: Tensor, prediction: Prediction, residual_spread: float
) -> Tensor:
    """Clean latents from the network's output, for x = clean + sigma noise.

    `velocity`: c_skip x + c_out output, for data of unit spread (Karras et al. 2022, section 5). `residual`: reference
    + residual_spread output, so that regions without motion are right from the first step of training.
    """
    if prediction == "residual":
        return reference + residual_spread * output
    share = 1 / (1 + sigma**2)
    return share * x - sigma * share.sqrt() * output


def advance(
    x: Tensor, clean: Tensor, previous: Tensor | None, *, sigmas: Sequence[float], step: int, solver: Solver
) -> Tensor:
    """One solver step from sigmas[step] to sigmas[step + 1], given the clean estimates of this and the previous step.

    Euler: Karras et al. (2022), algorithm 1 without the correction. DPM-Solver++(2M): Lu et al. (2022), algorithm 2,
    over the same noise levels; its first step and the step to zero noise are of first order.
    """
    sigma, next_sigma = sigmas[step], sigmas[step + 1]
    if next_sigma == 0:
        return clean
    if solver == "euler" or previous is None:
        # With log-sigma as time, the first step of DPM-Solver++ has the same formula.
        return clean + (x - clean) * (next_sigma / sigma)
    h, h_before = math.log(sigma / next_sigma), math.log(sigmas[step - 1] / sigma)
    slope = h / (2 * h_before)
    extrapolated = (1 + slope) * clean - slope * previous
    return extrapolated + (x - extrapolated) * (next_sigma / sigma)
