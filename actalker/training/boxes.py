"""Face boxes with the errors of a detector, for training."""

import numpy as np

from actalker.shapes import Box, Size


def simulate_detection(box: Box, size: Size, rng: np.random.Generator) -> Box:
    """A true face box with random errors of a detector; in half of the calls, the true box.

    The boxes that a detector finds are wider than the drawn face by 10 +- 5 of 256 pixels on both sides, and end
    14 +- 7 pixels above the chin. Masks and guide must also work with them.
    """
    if rng.uniform() < 0.5:
        return box
    left, top, right, bottom = rng.uniform([-0.06, -0.03, 0.0, -0.09], [0.0, 0.01, 0.06, 0.0]) * size.width
    return Box(
        round(box.left + left), round(box.top + top), round(box.right + right), round(box.bottom + bottom)
    ).within(size)
