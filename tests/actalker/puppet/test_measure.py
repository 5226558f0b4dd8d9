import numpy as np

from actalker.puppet.clip import held_out_clip
from actalker.puppet.measure import Reader, correlation
from actalker.puppet.performance import signal
from tests.held_out import INDEX


def test_the_reader_finds_the_truth_in_true_frames(reader: Reader) -> None:
    clip = held_out_clip(INDEX, 80)
    read = reader.read(clip.pictures(256))
    scores = {name: correlation(curve, signal(clip.faces, name)) for name, curve in read.items()}
    assert scores["open"] > 0.99
    assert min(scores.values()) > 0.95
    assert abs(read["open"].std() / signal(clip.faces, "open").std() - 1) < 0.1


def test_correlation_of_a_still_curve_is_undefined() -> None:
    assert np.isnan(correlation(np.zeros(5), np.arange(5.0)))
