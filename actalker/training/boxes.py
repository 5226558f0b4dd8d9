"""Face boxes as they come in use: the true ones, and those of a detector."""

import numpy as np

from actalker.shapes import Box, Size


def detected(box: Box, size: Size, rng: np.random.Generator) -> Box:
    """A true face box as a detector might give it. Half of the time it stays true.

    OpenCV's frontal cascade is wider than the drawn face by 10 +- 5 of 256 pixels on both sides, and ends 14 +- 7 above
    the chin; masks and guide must serve for its boxes too.
    """
    if rng.uniform() < 0.5:
        return box
    left, top, right, bottom = rng.uniform([-0.06, -0.03, 0.0, -0.09], [0.0, 0.01, 0.06, 0.0]) * size.width
    return Box(
        round(box.left + left), round(box.top + top), round(box.right + right), round(box.bottom + bottom)
    ).within(size)
