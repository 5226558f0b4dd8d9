"""What is usual among the segments of a batch: the median of the others, however many there are."""

import time
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from tasks.job import Score
from tasks.quality_control.judge import ENOUGH, Usual

VALUES = st.lists(st.floats(0, 100) | st.sampled_from([1.0, 2.0]), min_size=1, max_size=12)


@given(VALUES)
def test_it_is_the_median_of_the_others(values: list[float]) -> None:
    usual = Usual()
    for number, value in enumerate(values):
        usual.add(str(number), {"flicker": Score(value, 0)})
        usual.add(str(number), {"flicker": Score(value, 0)})  # rendered for another row, too
    for number in range(len(values)):
        others = values[:number] + values[number + 1 :]
        assert usual.without(str(number)) == ({"flicker": median(others)} if len(others) >= ENOUGH else {})
    assert usual.without("new") == ({"flicker": median(values)} if len(values) >= ENOUGH else {})


def test_twenty_thousand_segments_are_judged_in_little_time() -> None:
    """Before, each of them looked at all others: 40 segments a second at the end."""
    usual, began = Usual(), time.process_time()
    for number in range(20_000):
        usual.add(str(number), {"flicker": Score(number * 7919 % 10_007 / 100, 0)})
        usual.without(str(number))
    assert time.process_time() - began < 4
