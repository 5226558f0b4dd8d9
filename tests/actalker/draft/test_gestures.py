"""A driver's face is read: brows, lids, head and mouth, away from its rest."""

import numpy as np
import pytest

from actalker.draft.gestures import Reading, at_rest, gestures_of, mouth_of, read
from actalker.faces.mesh import FaceMesh
from actalker.puppet.drawing import draw
from actalker.puppet.face import Face
from actalker.puppet.person import person

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def rest() -> Reading:
    return readings(Face())[0]


def readings(*faces: Face) -> list[Reading]:
    mesh = FaceMesh()
    found = []
    for face in faces:
        (one,) = mesh.find(draw(person(2), face, 384))
        found.append(read(one.points))
    return found


def held(face: Face) -> list[Reading]:
    """Three frames of one face: what is read of the middle one is not smoothed away."""
    return readings(face) * 3


def test_lids_that_shut_and_brows_that_rise_are_read(rest: Reading) -> None:
    shut, raised, still = (gestures_of(held(face), rest) for face in (Face(blink=1), Face(brow=1), Face()))
    assert shut.blink[0] > 0.85
    assert still.blink[0] == raised.blink[0] == 0
    assert raised.brow[0] > still.brow[0] + 0.3


def test_the_heads_movement_is_read_in_the_directions_that_are_drawn(rest: Reading) -> None:
    moved, tilted = (gestures_of(held(face), rest) for face in (Face(x=0.02, y=-0.01), Face(roll_deg=3)))
    assert moved.x[0] > 0.02
    assert moved.y[0] < -0.01
    assert np.degrees(tilted.roll[0]) == pytest.approx(3, abs=1)


def test_a_drivers_mouth_opens(rest: Reading) -> None:
    shut, half, wide_open = (mouth_of(held(Face(open=opening)), rest)[0, 0] for opening in (0, 0.4, 0.9))
    assert shut < 0.1
    assert shut + 0.2 < half < wide_open - 0.1


def test_rest_is_what_a_face_does_most_of_the_time(rest: Reading) -> None:
    talking = readings(Face(open=0.6), Face(blink=1))
    assert at_rest([rest, *talking, rest, rest]) == rest
