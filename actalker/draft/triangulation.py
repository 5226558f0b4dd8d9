"""The triangles that a photographed face is drawn with: mesh, lips, four rings around, and what covers the holes."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from actalker.faces.topology import EYES, INNER_CORNERS, LIP_CORNERS, LOWER_LIP, OVAL, POINTS, UPPER_LIP, triangles

Triangles = NDArray[np.int32]

RINGS = ((1.12, 0.9, 0.55, 0.8), (1.35, 0.55, 0.2, 0.4), (1.7, 0.2, 0.05, 0.1), (2.4, 0.0, 0.0, 0.0))
"""Size of each ring over the outline's; the shares of the head's way that hair and neck go there; that of its depth."""


def neighbours(faces: Triangles, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The neighbours of each point, (n, most) filled up with -1, and how many it has."""
    beside: list[set[int]] = [set() for _ in range(count)]
    for face in faces.tolist():
        for point in face:
            beside[point].update(set(face) - {point})
    table = np.full((count, max(map(len, beside))), -1)
    for point, around in enumerate(beside):
        table[point, : len(around)] = sorted(around)
    return table, np.maximum((table >= 0).sum(1), 1)


def _strip(one: Sequence[int], other: Sequence[int], first: int) -> Iterable[tuple[int, int, int]]:
    """Triangles between two rows of as many points."""
    for k in range(first, len(one)):
        yield one[k - 1], one[k], other[k - 1]
        yield one[k], other[k], other[k - 1]


def face_triangles() -> Triangles:
    """The mesh, its lips as one strip each between their edges: (n, 3), clockwise in the picture.

    The mesh's own rows within the lips fold when a mouth shuts: at its corners they have no area left.
    """
    rows = (*UPPER_LIP, *LOWER_LIP, *LIP_CORNERS)
    lips = np.zeros(POINTS, bool)
    lips[[point for row in rows for point in row]] = True
    mesh = triangles()
    return np.concatenate([mesh[~lips[mesh].all(1)], _lips()])


def lips_and_hole() -> Triangles:
    """The lips and what is between them: (n, 3)."""
    return np.concatenate([_lips(), holes()[-2 * (len(UPPER_LIP[3]) + 1) :]])


def _lips() -> Triangles:
    """A strip for each lip, whose diagonals keep the corners from folding when the mouth shuts."""
    found: list[tuple[int, int, int]] = []
    for upper, outer_row, inner_row in ((True, UPPER_LIP[0], UPPER_LIP[3]), (False, LOWER_LIP[0], LOWER_LIP[3])):
        outer = [LIP_CORNERS[0][0], *outer_row, LIP_CORNERS[0][1]]
        inner = [INNER_CORNERS[0], *inner_row, INNER_CORNERS[1]]
        for k in range(1, len(outer)):
            o, p, i, j = outer[k - 1], outer[k], inner[k - 1], inner[k]
            pair = [(o, p, i), (p, j, i)] if k <= len(outer) // 2 else [(o, p, j), (o, j, i)]
            found += pair if upper else [(c, b, a) for a, b, c in pair]
    return np.array(found, np.int32)


def skin() -> Triangles:
    """The face and the rings around it, eyes and mouth left open: (n, 3), clockwise in the picture."""
    loops = [list(OVAL), *(list(range(POINTS + 36 * k, POINTS + 36 * (k + 1))) for k in range(len(RINGS)))]
    around = [face for inner, outer in pairwise(loops) for face in _strip(outer, inner, 0)]
    return np.concatenate([face_triangles(), np.array(around, np.int32)])


def holes() -> Triangles:
    """What covers eyes and mouth, in two rows of triangles each: (n, 3)."""
    parts = [(eye.corners, eye.upper, eye.lower) for eye in EYES] + [(INNER_CORNERS, UPPER_LIP[3], LOWER_LIP[3])]
    return np.array(
        [face for (a, b), up, low in parts for face in _strip([a, *up, b], [a, *low, b], 1)],
        np.int32,
    )
