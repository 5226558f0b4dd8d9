"""What a portrait shows is told with numbers and a remedy, before anything is rendered."""

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from actalker.puppet.drawing import draw
from actalker.puppet.face import Face
from actalker.puppet.person import person
from actalker.shapes import Box
from tasks.errors import BadInput
from tasks.job import Job, Preset
from tasks.media.images import Picture as Image
from tasks.picture.portrait import faces_of, find_faces
from tasks.picture.preflight import Findings, draft_size, faults, inspect, notes, usable_face, warnings
from tests.photographs import GRACE as GRACE_FILE
from tests.photographs import Picture, dark, grey, in_a_large_picture, portraits, tilted, two_people

pytestmark = pytest.mark.numeric


def looked_at(picture: Picture, face_box: tuple[int, int, int, int] | None = None) -> Findings:
    picture = np.ascontiguousarray(picture)
    return inspect(picture, faces_of(Image(picture), face_box), given=face_box is not None)


def said(picture: Picture, preset: Preset, face_box: tuple[int, int, int, int] | None = None) -> tuple[str, str]:
    """The faults, and the warnings."""
    findings = looked_at(picture, face_box)
    return " | ".join(map(str, faults(findings, preset))), " | ".join(warnings(findings, preset))


GRACE, ASTRONAUT = portraits()["grace"], portraits()["astronaut"]


@pytest.mark.parametrize("picture", [GRACE, ASTRONAUT, dark(GRACE), grey(ASTRONAUT), tilted(GRACE, 15)])
def test_a_good_photograph_has_no_fault_and_no_warning(picture: Picture) -> None:
    assert said(picture, Preset.DRAFT) == ("", "")
    assert said(picture, Preset.ACTALKER)[0] == ""


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.full((300, 300, 3), 90, np.uint8), "no face found in a picture of 300 x 300. Give another portrait"),
        (two_people(), r"2 faces found (columns"),
        (in_a_large_picture(ASTRONAUT, 220), "the face is too small: its eyes are 19 pixels apart, 24 are needed"),
        (ASTRONAUT[:, 190:], "the face is cut off: "),
        (tilted(GRACE, 70), "the head is tilted by 73 degrees, at most 60 are possible. Turn the picture upright."),
        (cv2.GaussianBlur(GRACE, (0, 0), 5), "the face is blurred: its sharpness is 0.04, at least 0.05"),
    ],
    ids=["none", "two", "small", "cut off", "tilted", "blurred"],
)
def test_what_a_draft_cannot_draw_is_refused(picture: Picture, says: str) -> None:
    assert says in said(picture, Preset.DRAFT)[0]


@pytest.mark.parametrize(
    ("picture", "preset", "says"),
    [
        (cv2.GaussianBlur(GRACE, (0, 0), 2.5), Preset.DRAFT, "the face is blurred (its sharpness is 0.0"),
        (tilted(GRACE, 30), Preset.DRAFT, "the head is tilted by 3"),
        (GRACE, Preset.DEMO, "looks like a photograph"),
        (draw(person(1), size=512), Preset.DRAFT, "looks like a drawing: draft is for photographs"),
        (draw(person(2), Face(open=0.9), 512), Preset.DEMO, "the mouth is open (by 0.3"),
        (GRACE[:, 190:], Preset.ACTALKER, "the face is cut off: "),
    ],
    ids=["blurred", "tilted", "photograph", "drawing", "open mouth", "cut off"],
)
def test_what_will_look_bad_is_warned_of(picture: Picture, preset: Preset, says: str) -> None:
    problems, doubts = said(picture, preset)
    assert problems == ""
    assert says in doubts


def test_a_network_needs_a_face_of_a_certain_share_and_a_draft_does_not() -> None:
    picture = in_a_large_picture(ASTRONAUT, 330)
    assert "the face is too small: 7" in said(picture, Preset.ACTALKER)[0]
    assert "12% of the short edge" in said(picture, Preset.ACTALKER)[0]
    problems, doubts = said(picture, Preset.DRAFT)
    assert problems == ""
    assert "the face is small: its eyes are 2" in doubts


def test_shut_eyes_are_warned_of() -> None:
    shut = draw(person(2), Face(blink=1), 512)
    assert looked_at(shut).look.lid_gap < 0.13  # drawn lashes are thick
    assert looked_at(GRACE).look.lid_gap > 0.15


def test_two_people_are_never_chosen_between_silently() -> None:
    both = two_people()
    boxes = [face.box for face in find_faces(both)]
    first = boxes[0]
    assert said(both, Preset.ACTALKER, (first.left, first.top, first.right, first.bottom))[0] == ""
    aside = GRACE.copy()
    aside[:150, -150:] = cv2.resize(ASTRONAUT[60:210, 150:300], (150, 150))
    aside = cv2.resize(aside, None, fx=2, fy=2)
    aside[:110, -110:] = cv2.resize(ASTRONAUT[60:210, 150:300], (110, 110))
    problems, doubts = said(aside, Preset.DRAFT)
    assert "faces found" in problems + doubts


def test_a_bystander_is_named_and_the_large_face_is_taken() -> None:
    large = np.asarray(cv2.resize(GRACE, None, fx=2, fy=2), np.uint8)
    large[20:180, -180:-20] = cv2.resize(ASTRONAUT[40:220, 130:310], (160, 160), interpolation=cv2.INTER_AREA)
    problems, doubts = said(large, Preset.DRAFT)
    assert problems == ""
    assert "2 faces found: the largest is taken (columns" in doubts


def test_a_box_by_hand_is_judged_by_its_place_and_size() -> None:
    assert "reaches out of the picture of 600 x 512" in said(GRACE, Preset.ACTALKER, (300, 200, 900, 420))[0]
    assert "too small" in said(GRACE, Preset.ACTALKER, (0, 0, 40, 40))[0]
    assert said(GRACE, Preset.ACTALKER, (20, 350, 220, 550))[0] == ""
    assert "no face is found at the face box" in said(GRACE, Preset.DRAFT, (20, 380, 220, 580))[0]
    assert said(GRACE, Preset.DRAFT, (170, 140, 370, 340))[0] == ""


def test_a_still_needs_no_face() -> None:
    assert said(np.full((300, 300, 3), 90, np.uint8), Preset.STILL) == ("", "")


def test_a_draft_has_the_portraits_own_resolution() -> None:
    assert draft_size(looked_at(GRACE)) == (512, 512)
    large = np.asarray(cv2.resize(GRACE, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC), np.uint8)
    assert draft_size(looked_at(large)) == (768, 768)
    assert 590 < draft_size(looked_at(in_a_large_picture(ASTRONAUT, 580)))[0] < 650


def test_findings_can_be_kept() -> None:
    findings = looked_at(GRACE)
    assert pickle.loads(pickle.dumps(findings)) == findings


def test_what_a_network_cannot_move_raises() -> None:
    assert usable_face(GRACE, find_faces(GRACE)).left < 200
    with pytest.raises(BadInput, match="2 faces found"):
        usable_face(two_people(), find_faces(two_people()))
    assert isinstance(usable_face(GRACE, find_faces(GRACE)), Box)


def test_the_record_says_that_it_is_a_draft_and_what_was_doubtful() -> None:
    job = Job("a", 1, GRACE_FILE, preset=Preset.DRAFT)
    draft, consent = notes(job, looked_at(GRACE))
    assert draft.startswith("a draft: ")
    assert "no reference to the person's consent" in consent
    assert len(list(notes(replace(job, consent="signed 3 May"), looked_at(GRACE)))) == 1
    assert list(notes(replace(job, preset=Preset.STILL), looked_at(GRACE))) == []
