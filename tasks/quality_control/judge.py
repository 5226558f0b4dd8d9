"""Judge: figures and limits come in, verdicts go out. All limits are in `thresholds.toml`, each with its reason."""

import threading
import tomllib
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from tasks.errors import BadInput
from tasks.job import FPS, Score, Verdict

ENOUGH = 6
"""So many other segments say what is usual in a batch."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The limit of one check; `thresholds.toml` says what the fields mean. One of `most` and `least` is given."""

    says: str
    remedy: str
    reason: str
    most: float | None = None
    least: float | None = None
    times_usual: float | None = None

    def limit(self, usual: float | None) -> float:
        """The value up to which, or down to which, nothing is wrong.

        Args:
            usual: The median of the batch's other segments; None where there are too few.
        """
        pick, own = (max, self.most) if self.most is not None else (min, self.least)
        assert own is not None
        return own if usual is None or self.times_usual is None else pick(own, self.times_usual * usual)

    def keeps(self, value: float, limit: float) -> bool:
        """Whether a value is within its limit. An offset counts whichever way it goes."""
        return abs(value) <= limit if self.most is not None else value >= limit


Thresholds = Mapping[str, Threshold]


def judge(
    scores: Mapping[str, Score], thresholds: Thresholds, usual: Mapping[str, float] | None = None
) -> tuple[Verdict, ...]:
    """A verdict on every figure that has a threshold.

    Args:
        scores: By the name of the check. Pairs of numbers will do.
        usual: The medians of other segments of the batch.
    """
    return tuple(
        _verdict(name, Score(*scores[name]), threshold, (usual or {}).get(name))
        for name, threshold in thresholds.items()
        if name in scores
    )


def _verdict(name: str, score: Score, threshold: Threshold, usual: float | None) -> Verdict:
    limit = threshold.limit(usual)
    verdict = Verdict(name, score.value, limit, threshold.keeps(score.value, limit), score.frame)
    if verdict.ok:
        return verdict
    says = threshold.says.format(value=score.value, limit=limit)
    return replace(verdict, message=f"{says}{_place(score.frame)}. {threshold.remedy}")


def _place(frame: int) -> str:
    if frame < 0:
        return ""
    minutes, ms = divmod(frame * 1000 // FPS, 60_000)
    return f" at {minutes}:{ms / 1000:04.1f} (frame {frame})"


def load(changes: Sequence[str] = ()) -> Thresholds:
    """The thresholds of the package, with changes.

    Args:
        changes: Each is the path of a TOML file with the tables and keys that differ, or one of them:
            `flicker.most=0.8`.

    Raises:
        BadInput: A file cannot be read, there is no such check or key, or a value is no number.
    """
    text = (resources.files(__package__) / "thresholds.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    for change in changes:
        for name, values in _parsed(change).items():
            if name not in tables:
                raise BadInput(f"{change}: there is no check {name!r}", f"There are: {', '.join(tables)}.")
            tables[name] |= _checked(change, name, values, tables[name])
    return {name: Threshold(**table) for name, table in tables.items()}


def _parsed(change: str) -> dict[str, Any]:
    path = Path(change)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8") if path.is_file() else change)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"{change!r} is neither a TOML file nor a change of a threshold: {error}",
            "Give the path of a file, or a change such as flicker.most=0.8.",
        ) from error


def _checked(change: str, name: str, values: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """The values of one table, if each is a key that the check has and of its type."""
    known = {field.name for field in fields(Threshold)}
    for key, value in values.items() if isinstance(values, dict) else [("", None)]:
        if key not in known or key not in table:
            raise BadInput(f"{change}: {name!r} has no key {key!r}", f"It has: {', '.join(table)}.")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number == isinstance(table[key], str):
            raise BadInput(f"{change}: {name}.{key} cannot be {value!r}", f"Now it is {table[key]!r}.")
    return dict(values)


@dataclass
class Usual:
    """What the segments of a batch have in common, by check. Safe between threads.

    The values are kept in order: a batch may have tens of thousands of segments, and each asks for the median.
    """

    _own: dict[str, dict[str, float]] = field(default_factory=dict)
    _ordered: dict[str, list[float]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, key: str, scores: Mapping[str, Score]) -> None:
        """Take the figures of one segment in, once for each key."""
        with self._guard:
            if key in self._own:
                return
            self._own[key] = {name: value for name, (value, _) in scores.items()}
            for name, value in self._own[key].items():
                insort(self._ordered.setdefault(name, []), value)

    def without(self, key: str) -> dict[str, float]:
        """The medians of all other segments, where there are `ENOUGH`."""
        with self._guard:
            own = self._own.get(key, {})
            medians = {name: _median(values, own.get(name)) for name, values in self._ordered.items()}
        return {name: value for name, value in medians.items() if value is not None}


def _median(ordered: Sequence[float], without: float | None) -> float | None:
    """The median of values in ascending order, one of them left out; None where fewer than `ENOUGH` are left."""
    left_out = len(ordered) if without is None else bisect_left(ordered, without)
    count = len(ordered) - (without is not None)
    if count < ENOUGH:
        return None
    middle = [ordered[place + (place >= left_out)] for place in ((count - 1) // 2, count // 2)]
    return sum(middle) / 2
