"""How well a sentence fits: what raises it, what lowers it, and what is then heard."""

import numpy as np

from tasks.speech import fit

EVEN = np.ones(50)


def share(value: float) -> np.ndarray:
    return np.full(50, value, np.float32)


def test_it_is_measured_in_nats() -> None:
    assert np.isclose(fit.fit(share(0.09), EVEN), -np.log(0.1))
    assert fit.fit(share(0), EVEN) > fit.fit(share(0.05), EVEN) > fit.fit(share(0.5), EVEN) > fit.fit(share(1), EVEN)
    assert fit.fit(share(0)[:0], EVEN) == 0


def test_what_is_said_unevenly_fits_worse_and_what_is_said_slowly_does_not() -> None:
    uneven = np.repeat([0.4, 2.5], 25)
    assert fit.fit(share(0.05), EVEN) - fit.fit(share(0.05), uneven) > 0.5
    assert fit.fit(share(0.05), np.ones(3)) == fit.fit(share(0.05), EVEN)


def test_a_sentence_is_heard_when_it_fits_and_not_much_worse_than_the_others() -> None:
    assert fit.heard([4.1, 3.9, 2.5, 4.0, None]) == (True, True, False, True, False)
    assert fit.heard([2.6, 2.4, 2.1, 1.9]) == (True, True, True, False)
    assert fit.heard([None, None]) == (False, False)
    assert fit.heard([2.1]) == (True,)


def test_where_the_whole_does_not_fit_a_sentence_needs_more() -> None:
    assert fit.needed([(2.6, 100), (2.3, 100)]) == fit.SENTENCE
    assert fit.needed([(2.6, 100), (1.8, 300)]) == fit.CERTAIN
    assert fit.needed([(2.6, 100), (None, 300)]) == fit.CERTAIN
