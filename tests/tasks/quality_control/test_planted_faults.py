"""A finished video with a fault in it: it is found, at its place, and called what it is. A clean one passes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actalker.puppet.face import REST
from tasks.job import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from tasks.quality_control.caption_times import Cue
from tasks.quality_control.judge import judge, load
from tests.tasks.quality_control import talking_head
from tests.tasks.quality_control.talking_head import FRAMES, JOINT, SIZE, Film, Pictures

START, END = 60, 85
"""Where most faults are: one second, in the middle of speech."""
SHIFT = SAMPLE_RATE // 5
LAST_MS = FRAMES * 1000 // FPS


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return talking_head.film(tmp_path_factory.mktemp("film"))


@pytest.mark.parametrize("index", [1, 2])
def test_a_clean_video_passes(tmp_path: Path, index: int) -> None:
    assert talking_head.film(tmp_path, index).wrong(tmp_path) == set()


def black(pictures: Pictures) -> None:
    pictures[START : START + 2] = 0


def frozen(pictures: Pictures) -> None:
    pictures[START:END] = pictures[START]


def somebody_else(pictures: Pictures) -> None:
    pictures[JOINT:] = talking_head.head(3).pictures(SIZE, JOINT, FRAMES)


def flickering(pictures: Pictures) -> None:
    pictures[START:END:2] = cv2.add(pictures[START:END:2], np.full_like(pictures[START:END:2], 4))


def jumping(pictures: Pictures) -> None:
    pictures[START:] = np.roll(pictures[START:], 12, axis=2)


def tinted(pictures: Pictures) -> None:
    pictures[START:, ..., 2] = cv2.add(pictures[START:, ..., 2], np.full_like(pictures[START:, ..., 2], 30))


def blurred(pictures: Pictures) -> None:
    for picture in pictures:
        picture[:] = cv2.GaussianBlur(picture, (0, 0), 2.5)


def without_face(pictures: Pictures) -> None:
    pictures[START:END] = cv2.GaussianBlur(pictures[0], (0, 0), 40)


def out_of_the_picture(pictures: Pictures) -> None:
    for number in range(START, FRAMES):  # slowly, so that nothing jumps
        shift = min(90, 3 * (number - START))
        pictures[number] = np.roll(pictures[number], shift, axis=1)
        pictures[number, :, :shift] = pictures[number, :, shift : shift + 1]


def with_a_still_mouth(pictures: Pictures) -> None:
    clip = talking_head.head(0)
    faces = tuple(face.with_mouth_of(REST) for face in clip.faces)
    pictures[START:] = replace(clip, faces=faces).pictures(SIZE, START, FRAMES)


PICTURE_FAULTS: dict[str, tuple[Callable[[Pictures], None], int, str, set[str]]] = {
    "black frames": (black, START, "black_frames", set()),
    "one second frozen": (frozen, START, "frozen_ms", {"mouth_moves_in_speech", "jump"}),
    "a segment of another person": (somebody_else, JOINT, "likeness", {"colour_drift", "jump", "jump_at_joint"}),
    "flicker": (flickering, START, "flicker", set()),
    "a jump": (jumping, START, "jump", set()),
    "another colour": (tinted, START, "colour_drift", {"jump"}),
    "unsharp": (blurred, 0, "sharpness", {"likeness"}),
    "no face": (without_face, START, "face_lost_ms", {"frozen_ms", "jump", "jump_at_joint"}),
    "head out of the picture": (out_of_the_picture, START, "face_outside", {"likeness", "colour_drift"}),
    "a still mouth": (with_a_still_mouth, START, "mouth_moves_in_speech", {"jump", "lips_follow_speech"}),
}
"""The fault, the frame where it begins, the check that must find it, and those that it fails as well."""


@pytest.mark.parametrize("name", PICTURE_FAULTS)
def test_a_fault_of_the_picture_is_found_and_named(clean: Film, tmp_path: Path, name: str) -> None:
    fault, begins, check, others = PICTURE_FAULTS[name]
    scores = clean.with_pictures(fault).scores(tmp_path)
    wrong = {verdict.check: verdict for verdict in judge(scores, load()) if not verdict.ok}
    assert check in wrong
    assert set(wrong) <= {check, *others}
    assert begins - 2 <= wrong[check].frame


@pytest.mark.parametrize("late", [SHIFT, -SHIFT], ids=["late", "early"])
def test_sound_that_is_shifted_by_200_ms_is_found_and_measured(clean: Film, tmp_path: Path, late: int) -> None:
    """The words and the captions are shifted with it: nothing but the lips shows it."""
    quiet = np.zeros(SHIFT)
    shifted = clean.with_samples(
        lambda samples: np.concatenate([quiet, samples[:-SHIFT]] if late > 0 else [samples[SHIFT:], quiet])
    )
    ms = late * 1000 // SAMPLE_RATE
    moved = tuple((max(0, start + ms), end + ms) for start, end in shifted.cues)
    shifted = replace(shifted, words=(), cues=tuple(cue for cue in moved if cue[1] < FRAMES * 1000 // FPS))
    scores = shifted.scores(tmp_path)
    assert abs(scores["sound_offset_ms"].value + ms) <= 1000 / FPS
    assert {verdict.check for verdict in judge(scores, load()) if not verdict.ok} == {"sound_offset_ms"}


def silenced(samples: NDArray[np.float64], fade: int = 480) -> None:
    """One and a half seconds of silence, faded in and out: it does not click."""
    first, last = START * SAMPLES_PER_FRAME, (START + 38) * SAMPLES_PER_FRAME
    samples[first : first + fade] *= np.linspace(1, 0, fade)
    samples[first + fade : last - fade] = 0
    samples[last - fade : last] *= np.linspace(0, 1, fade)


def test_a_mouth_that_moves_in_silence(clean: Film, tmp_path: Path) -> None:
    """Where nobody knows of words there, silence is silence: but the mouth says something."""
    film = replace(clean.with_samples(silenced), words=(), cues=())
    assert film.wrong(tmp_path) == {"mouth_moves_in_silence"}


def test_missing_sound(clean: Film, tmp_path: Path) -> None:
    """The programme has it, and the video has not."""
    found = clean.with_samples(silenced).wrong(tmp_path, said=clean.samples)
    assert "sound_missing_ms" in found
    assert found <= {"sound_missing_ms", "mouth_moves_in_silence"}


def test_no_sound_at_all(clean: Film, tmp_path: Path) -> None:
    silent = clean.with_samples(np.zeros_like)
    assert "sound_missing_ms" in silent.wrong(tmp_path, said=clean.samples)
    assert "sound_missing_ms" in replace(silent, words=(), cues=()).wrong(tmp_path)


def test_a_click(clean: Film, tmp_path: Path) -> None:
    def click(samples: NDArray[np.float64]) -> None:
        samples[START * SAMPLES_PER_FRAME] += 0.4

    scores = clean.with_samples(click).scores(tmp_path)
    assert {verdict.check for verdict in judge(scores, load()) if not verdict.ok} == {"click"}
    assert abs(scores["click"].frame - START) <= 1


def test_clipped_sound(clean: Film, tmp_path: Path) -> None:
    """12 dB too loud, as of a recording whose level was not set; then made softer, as the finished sound is."""

    def clip(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(samples * 8, -1, 1) * 0.4

    assert clean.with_samples(clip).wrong(tmp_path) == {"peak_spread_db"}


CAPTION_FAULTS: dict[str, tuple[Callable[[list[Cue]], list[Cue]], str]] = {
    "beyond the end": (lambda cues: [*cues[:-1], (cues[-1][0], LAST_MS + 2000)], "caption_outside_ms"),
    "two at once": (lambda cues: [(cues[0][0], cues[1][1]), *cues[1:]], "caption_overlap_ms"),
    "a second late": (
        lambda cues: [(start + 1000, min(end + 1000, LAST_MS)) for start, end in cues[:-1]],
        "captions_off_ms",
    ),
}


@pytest.mark.parametrize("name", CAPTION_FAULTS)
def test_captions_that_are_off(clean: Film, tmp_path: Path, name: str) -> None:
    fault, check = CAPTION_FAULTS[name]
    found = replace(clean, cues=tuple(fault(list(clean.cues)))).wrong(tmp_path)
    assert check in found
    assert found <= {check, "captions_without_speech"}


def test_captions_while_nobody_speaks(clean: Film, tmp_path: Path) -> None:
    film = replace(clean.with_samples(silenced), words=())
    assert "captions_without_speech" in film.wrong(tmp_path)
