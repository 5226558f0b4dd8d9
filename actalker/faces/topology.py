"""The 468 points of the face mesh by name. Left and right are the picture's.

Rows of points run from the picture's left to its right. `models/triangles.txt` has the mesh's triangles; eyes and mouth
are holes in it.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POINTS = 468
MODELS = Path(__file__).parent / "models"

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, clockwise from the top of the forehead."""

BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
NOSE_TIP, FOREHEAD, CHIN, SIDES = 1, 10, 152, (234, 454)
CHEEKS = (50, 280, 205, 425)
BRIDGE = 168
"""Between the eyes."""


class Eye(NamedTuple):
    """One eye's points: its corners, the rows of its lids between them, and the fold above the upper lid."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    fold: tuple[int, ...]


EYES = (
    Eye(
        (33, 133),
        (246, 161, 160, 159, 158, 157, 173),
        (7, 163, 144, 145, 153, 154, 155),
        (247, 30, 29, 27, 28, 56, 190),
    ),
    Eye(
        (362, 263),
        (398, 384, 385, 386, 387, 388, 466),
        (382, 381, 380, 374, 373, 390, 249),
        (414, 286, 258, 257, 259, 260, 467),
    ),
)

OUTER_CORNERS = (33, 263)

UPPER_LIP = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
    (191, 80, 81, 82, 13, 312, 311, 310, 415),
)
"""Rows from the outer edge of the red to the inner one."""
LOWER_LIP = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
    (95, 88, 178, 87, 14, 317, 402, 318, 324),
)
"""Rows from the outer edge of the red to the inner one."""
LIP_CORNERS = ((61, 291), (76, 306), (62, 292), (78, 308))
"""The ends of the rows."""
INNER_CORNERS = LIP_CORNERS[-1]
INNER_LIPS = (78, *UPPER_LIP[3], 308, *LOWER_LIP[3][::-1])
"""The edge of the mouth's hole, as a closed loop."""


def triangles() -> NDArray[np.int32]:
    """The mesh's triangles, (854, 3) points."""
    return np.loadtxt(MODELS / "triangles.txt", np.int32, comments="#")
