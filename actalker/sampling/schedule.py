"""Noise levels of the steps."""

import math
from dataclasses import dataclass
from itertools import pairwise

from actalker.serialization import added


@dataclass(frozen=True)
class Schedule:
    """Noise levels of Karras et al. (2022), equation 5; the defaults are SVD's."""

    sigma_min: float = 0.002
    sigma_max: float = 700.0
    rho: float = 7.0
    anchors: tuple[float, ...] = added(())
    """Falling levels in place of the equation; between them, levels are interpolated log-linearly."""

    def __post_init__(self) -> None:
        if self.anchors and (len(self.anchors) < 2 or any(a <= b for a, b in pairwise((*self.anchors, 0.0)))):
            raise ValueError(f"anchors must be at least two positive levels that fall, not {self.anchors}")

    def sigmas(self, steps: int) -> list[float]:
        """`steps` falling noise levels, then 0. Raises ValueError for less than one step."""
        if steps < 1:
            raise ValueError(f"at least one step is needed, not {steps}")
        if self.anchors:
            return self._interpolated(steps)
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        ramp = [i / max(steps - 1, 1) for i in range(steps)]
        return [(high + r * (low - high)) ** self.rho for r in ramp] + [0.0]

    def _interpolated(self, steps: int) -> list[float]:
        """With n steps the interval of the anchors has n parts; the last level becomes 0, as its authors do it."""
        last = len(self.anchors) - 1
        levels = []
        for step in range(steps):
            place, rest = divmod(step * last, steps)
            if not rest:
                levels.append(self.anchors[place])
                continue
            above, below = math.log(self.anchors[place]), math.log(self.anchors[place + 1])
            levels.append(math.exp(above + (below - above) * rest / steps))
        return [*levels, 0.0]
