"""The displacement of every point of a face for each signal of an expression.

In eye distances, along the face's own axes: to the picture's right, and down the face.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actalker.faces.mesh import Points
from actalker.faces.topology import BROWS, CHIN, EYES, INNER_CORNERS, LIP_CORNERS, LOWER_LIP, UPPER_LIP

JAW = 0.25
"""How far the lower lip goes down when the mouth is wide open."""
_OVERLAP = 0.012
"""So far closing lips would overlap: they meet for sure."""
_UPPER_EDGES, _LOWER_EDGES = UPPER_LIP[::3], LOWER_LIP[::3]
"""Outer and inner edge of each lip."""


def smooth(low: float, high: float, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """From 0 at `low` to 1 at `high`, level at both ends."""
    share = np.clip((np.asarray(x, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


@dataclass(frozen=True)
class MouthShape:
    """The photographed mouth, in eye distances.

    Attributes:
        gap: Between the lips, (9,) from corner to corner; 0 where they touch.
        clenched: 1 where only the lips part, over teeth; 0 where the jaw is open.
        smile: 0 for a mouth of usual width to 1 for a broad smile.
    """

    gap: NDArray[np.float64]
    clenched: float
    smile: float


class Movements:
    """The displacement that belongs to 1 of each signal: (n, 2), in eye distances along the face's axes.

    Args:
        x, y: (n,) of the points at rest from the middle of the mouth, in eye distances.
    """

    def __init__(self, x: Points, y: Points, rest: Points, unit: float, mouth: MouthShape) -> None:
        ends = [61, 291]
        self.x, self.y, self.mouth = x, y, mouth
        self.half = float(np.mean(np.abs(x[ends])))
        self.across = x / np.where(x < 0, -x[61], x[291])  # 1 at the corners; a turned head has a narrow half
        self.below = y - np.interp(x, [x[61], 0, x[291]], [y[61], 0, y[291]])  # of the line of the mouth
        self.arch = np.clip(1 - self.across**2, 0, 1)
        self.jaw = smooth(-0.08, 0.22, self.below) * np.exp(-((x / 0.62) ** 2))
        self.jaw *= 1 - smooth(y[CHIN] * 1.05, y[CHIN] * 1.9, y)
        far = np.where(self.below < 0, 0.20, 0.34)  # the nose does not follow the lips
        self.near = np.exp(-4 * np.maximum(np.abs(self.across) - 1, 0) ** 2 - (self.below / far) ** 2)
        self.corner = np.exp(-(((np.abs(self.across) - 1) / 0.6) ** 2) - (self.below / 0.28) ** 2)
        self.fields = {
            "open": self._open(),
            "wide": self._sideways(0.075),
            "round": self._round(),
            "close": self._close(),
            "brow": self._brow(rest, unit),
        }

    def _zero(self) -> Points:
        return np.zeros((len(self.x), 2))

    def _sideways(self, far: float) -> Points:
        field = self._zero()
        field[:, 0] = far * np.clip(self.across, -1, 1) * self.near
        return field

    def _open(self) -> Points:
        field = self._zero()
        field[:, 1] = JAW * self.jaw
        for upper, lower, share in zip(_UPPER_EDGES, _LOWER_EDGES, (0.6, 1.0), strict=True):
            field[list(lower), 1] = JAW * (0.12 + 0.88 * self.arch[list(lower)] ** 0.7)
            field[list(upper), 1] = -0.022 * self.arch[list(upper)] ** 0.9 * share
        for pair in LIP_CORNERS:
            field[list(pair)] = 0, 0.12 * JAW
        return field

    def _round(self) -> Points:
        """Corners in, further for a broad smile, and lips that come forward look fuller."""
        field = self._sideways(-0.24 * self.half * (1 + 0.2 * self.mouth.smile))
        for sign, rows in ((-1, _UPPER_EDGES), (1, _LOWER_EDGES)):
            for row, far in zip(rows, (0.022, 0.008), strict=True):
                field[list(row), 1] = sign * self.arch[list(row)] ** 0.9 * far
        return field

    def _close(self) -> Points:
        """From the photographed mouth to closed lips: the jaw as far as it is open, the lips the rest of the way.

        A smile is let go at the same time: corners come in and down.
        """
        gap, middle = self.mouth.gap, float(self.mouth.gap[3:6].mean())
        jaw = (1 - self.mouth.clenched) * max(middle - 0.1, 0.0)
        lips = middle - jaw
        shares = gap / max(middle, 1e-6)
        # The corners come to the height of the closed line beside them.
        first, last = UPPER_LIP[3][0], UPPER_LIP[3][-1]
        sinking = 0.45 * lips * shares
        rise = self.y[[first, last]] + sinking[[0, -1]] - self.y[list(INNER_CORNERS)]
        relaxed = 0.04 * self.mouth.smile + np.where(self.across < 0, rise[0], rise[1])
        relaxed = relaxed * self.corner
        field = self._sideways(-0.16 * self.half * self.mouth.smile)
        field[:, 1] += relaxed
        give = np.where(
            self.below < 0,
            np.exp(-((self.below / 0.22) ** 2)),
            -1.3 * np.exp(-(((self.below - middle) / 0.22) ** 2)),
        )
        field[:, 1] += -jaw * self.jaw + 0.28 * lips * np.exp(-((self.x / 0.45) ** 2)) * give
        for sign, rows, share in ((-1, _UPPER_EDGES, 0.45), (1, _LOWER_EDGES, -0.55)):
            for row, part in zip(rows, (0.75, 1.0), strict=True):
                parts = part - 0.8 * (1 - part) * (1 - self.arch[list(row)])  # less near the corners
                field[list(row), 1] = share * parts * lips * shares
                field[list(row), 1] -= (sign > 0) * (jaw * shares + _OVERLAP * min(1.0, middle / 0.05))
                field[list(row), 1] += 0.04 * self.mouth.smile * self.corner[list(row)]
        for pair in LIP_CORNERS:
            field[list(pair), 1] = 0.04 * self.mouth.smile * self.corner[list(pair)] + rise
        return field

    def _brow(self, rest: Points, unit: float) -> Points:
        field = self._zero()
        far = np.linalg.norm(rest[:, None] - rest[list(BROWS)], axis=-1).min(1) / unit
        field[:, 1] = -0.06 * np.exp(-((far / 0.22) ** 2))
        field[[point for eye in EYES for part in (eye.corners, eye.upper, eye.lower) for point in part]] = 0
        return field
