"""The best way to cut words into captions, by dynamic programming over all ways.

Every caption has a cost: first the weights of the rules that it breaks, then how badly its breaks hurt the reader
(tasks/captions/phrases.py). The cheapest sequence is taken, so a rule is broken only where no way to cut the words
keeps all rules, and then the least important one.

Timing leaves no choice: a caption starts on the frame in which its first word starts, and stays as long after its last
word as the norm, the next caption and its longest time permit.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

from tasks.captions.caption import Caption, Extent, Rule, extent
from tasks.captions.phrases import Break, breaks
from tasks.captions.profile import Profile
from tasks.job import FPS, Word

MS_PER_FRAME: Final = 1000 // FPS

WEIGHTS: Final = {
    Rule.WIDTH: 8,
    Rule.GAP: 8,
    Rule.LONG: 4,
    Rule.SHORT: 4,
    Rule.SPEED: 4,
    Rule.BREAK: 2,
    Rule.BALANCE: 1,
}
"""What outweighs what where not all rules can be kept."""

_WEIGHT_COST: Final = 10_000
_CAPTION_COST: Final = 12
_ROW_COST: Final = 4
_UNEVEN_COST: Final = 6
_JOINED_SENTENCES_COST: Final = 30
_LONG_REST_MS: Final = 1_000
_LONG_REST_COST: Final = 60


def lay_out(words: Sequence[Word], profile: Profile, language: str, end_ms: int) -> tuple[Caption, ...]:
    """Cut words into captions.

    Args:
        words: In time order.
        end_ms: The end of the programme: no caption stays longer.
    """
    return tuple(_Layout(words, profile, language, end_ms).captions()) if words else ()


class _Layout:
    """Prefix sums over the words, and the costs that follow from them."""

    def __init__(self, words: Sequence[Word], profile: Profile, language: str, end_ms: int) -> None:
        self.words, self.profile, self.end_ms = tuple(words), profile, end_ms
        texts = [word.text for word in words]
        self.breaks = breaks(texts, [word.sentence for word in words], language)
        sizes = [extent(text) for text in texts]
        self.spaces = [extent(word.space) for word in words]
        spaced = [extent(word.text + word.space) for word in words]
        self.narrow = [0, *accumulate(size.narrow for size in spaced)]
        self.wide = [0, *accumulate(size.wide for size in spaced)]
        self.full = [0.0, *accumulate(min(1.0, size.of_line(profile)) for size in sizes)]
        self.starts = [word.start_ms // MS_PER_FRAME * MS_PER_FRAME for word in words]
        self.ends = [word.end_ms // MS_PER_FRAME * MS_PER_FRAME for word in words]
        self.joins = [0, *accumulate(self._join_cost(place) for place in range(1, len(words))), 0]

    def captions(self) -> list[Caption]:
        """The cheapest sequence."""
        count = len(self.words)
        costs = [0.0] + [math.inf] * count
        origins: list[tuple[int, tuple[int, ...]]] = [(0, ())] * (count + 1)
        for end in range(1, count + 1):
            for start in range(end - 1, -1, -1):
                if end - start > 1 and self.full[end] - self.full[start] > self.profile.lines:
                    break
                row_cost, rows = self._rows(start, end, self.profile.lines)
                cost = costs[start] + row_cost + self._caption_cost(start, end)
                if cost < costs[end]:
                    costs[end], origins[end] = cost, (start, rows)
        found: list[Caption] = []
        end = count
        while end:
            start, rows = origins[end]
            found.append(self._caption(start, rows))
            end = start
        return found[::-1]

    def _caption(self, start: int, row_ends: tuple[int, ...]) -> Caption:
        bounds = [start, *row_ends]
        rows = tuple(self.words[first:last] for first, last in pairwise(bounds))
        return Caption(self.starts[start], self._end_ms(start, row_ends[-1]), rows)

    def _end_ms(self, start: int, end: int) -> int:
        """When a caption of the words `[start, end)` disappears."""
        spoken_ms = self.ends[end - 1]
        shown_ms = min(spoken_ms + self.profile.tail_ms, self._limit_ms(end))
        longest_ms = self.starts[start] + self.profile.max_ms // MS_PER_FRAME * MS_PER_FRAME
        if shown_ms > longest_ms:
            shown_ms = max(longest_ms, min(spoken_ms, shown_ms))
        return max(shown_ms, self.starts[start] + MS_PER_FRAME)

    def _limit_ms(self, end: int) -> int:
        return self.starts[end] - self.profile.gap_ms if end < len(self.words) else self.end_ms

    def _extent(self, start: int, end: int) -> Extent:
        """Of the words `[start, end)` on one line."""
        narrow, wide = self.narrow[end] - self.narrow[start], self.wide[end] - self.wide[start]
        return Extent(narrow - self.spaces[end - 1].narrow, wide - self.spaces[end - 1].wide)

    def _caption_cost(self, start: int, end: int) -> float:
        """What the timing of a caption, and the place where it ends, cost."""
        cost = float(_CAPTION_COST + self.joins[end - 1] - self.joins[start])
        cost += self._break_cost(end) * 2
        length_ms = self._end_ms(start, end) - self.starts[start]
        reading_ms = self._extent(start, end).reading_ms(self.profile)
        if reading_ms > length_ms:
            cost += _broken(Rule.SPEED, reading_ms / length_ms)
        if length_ms < self.profile.min_ms:
            cost += _broken(Rule.SHORT, self.profile.min_ms / length_ms)
        if length_ms > self.profile.max_ms:
            cost += _broken(Rule.LONG, length_ms / self.profile.max_ms)
        if self.starts[start] + length_ms > self._limit_ms(end):
            cost += _broken(Rule.GAP, 1)
        return cost

    def _rows(self, start: int, end: int, rows: int) -> tuple[float, tuple[int, ...]]:
        """The cheapest way to put the words `[start, end)` on at most so many lines: its cost, and where lines end."""
        whole = self._extent(start, end).of_line(self.profile)
        best: tuple[float, tuple[int, ...]] = (self._row_cost(whole, end - start), (end,))
        if rows == 1 or whole <= 1:
            return best
        for middle in range(start + 1, end):
            upper = self._extent(start, middle).of_line(self.profile)
            if upper > 1 and middle - start > 1:
                break
            cost, ends = self._rows(middle, end, rows - 1)
            lower = self._extent(middle, ends[0]).of_line(self.profile)
            cost += self._row_cost(upper, middle - start)
            cost += self._break_cost(middle) + _UNEVEN_COST * abs(upper - lower)
            cost += _broken(Rule.BALANCE, upper / lower) if 3 * lower < upper else 0.0
            best = min(best, (cost, (middle, *ends)))
        return best

    @staticmethod
    def _row_cost(width: float, words: int) -> float:
        """A line may be too wide only for a single word."""
        if width <= 1:
            return _ROW_COST
        return _ROW_COST + _broken(Rule.WIDTH, width) if words == 1 else math.inf

    def _break_cost(self, end: int) -> float:
        kind = self.breaks[end - 1]
        return _broken(Rule.BREAK, 1) if kind is Break.NEVER else float(kind)

    def _join_cost(self, place: int) -> int:
        """What it costs when the words before and after `place` share a caption."""
        rest_ms = self.words[place].start_ms - self.words[place - 1].end_ms
        cost = _JOINED_SENTENCES_COST if self.breaks[place - 1] is Break.SENTENCE else 0
        return cost + (_LONG_REST_COST if rest_ms > _LONG_REST_MS else 0)


def _broken(rule: Rule, severity: float) -> float:
    """The cost of a broken rule; among equals, the milder one is cheaper."""
    return _WEIGHT_COST * WEIGHTS[rule] + min(1000.0, 100 * severity)
