"""How much of what the audio encoder seems to miss is the truth's own error: mouth shapes from an independent aligner.

    pytest -m bench -s tests/actalker/training/test_truth_bench.py

pocketsphinx, which was trained on people, times the phonemes of its dictionary. The mouth shapes that follow from them
are compared with those from the voice's own times, and with what the encoder hears. Its phonemes are those of American
English; what a voice says otherwise counts against it.
"""

import re
from collections.abc import Sequence

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from pocketsphinx import Decoder

from actalker.puppet.espeak import Speech, Unit
from actalker.puppet.flite import ARPABET
from actalker.puppet.sentences import HELD_OUT
from actalker.puppet.visemes import visemes
from actalker.talker import Talker
from actalker.training.evaluation import truth_of
from actalker.training.listening import SENTENCES, VOICES, clip_of, heard_in
from tests.actalker.test_demo_checkpoint import DEMO

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

RATE, STEPS_HZ = 16_000, 100
SHAPES = ("open", "wide", "round")
OFFSETS = (-1, 0, 1)
"""Steps of 10 ms by which the aligner may be late on the whole."""

Curves = NDArray[np.float64]


def aligned(decoder: Decoder, speech: Speech, text: str) -> Speech | None:
    """The same sound with the aligner's phonemes and times; None when it does not find all words."""
    words = [re.sub(r"[^a-z']", "", word.lower()) for word in text.split()]
    if any(decoder.lookup_word(word) is None for word in words):
        return None
    heard = soxr.resample(speech.samples.astype(np.float32), speech.sample_rate, RATE)
    noisy = np.clip(heard + np.random.default_rng(0).normal(0, 3, len(heard)), -32768, 32767).astype("<i2").tobytes()

    def listen() -> None:
        decoder.start_utt()
        decoder.process_raw(noisy, full_utt=True)
        decoder.end_utt()

    decoder.set_align_text(" ".join(words))
    listen()
    if decoder.hyp() is None:
        return None
    decoder.set_alignment()
    listen()
    phones = [phone for word in decoder.get_alignment() for phone in word]
    units = [
        Unit("" if phone.name == "SIL" else ARPABET[phone.name.lower()], phone.start * RATE // STEPS_HZ)
        for phone in phones
        if not phone.name.startswith("+")
    ]
    return Speech((heard).astype(np.int16), RATE, (), tuple(units))


def later(speech: Speech, steps: int) -> Speech:
    moved = [Unit(unit.text, max(0, unit.start_sample + steps * RATE // STEPS_HZ)) for unit in speech.phonemes]
    return Speech(speech.samples, speech.sample_rate, speech.words, tuple(moved))


def agreement(one: Curves, other: Curves) -> Curves:
    """Correlation of each of the `SHAPES`."""
    return np.array([np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(len(SHAPES))])


@pytest.mark.parametrize("voice", VOICES)
def test_how_far_an_aligner_agrees_with_the_truth(voice: str) -> None:
    try:
        spoken = [VOICES[voice](index) for index in range(SENTENCES)]
    except (ImportError, OSError) as error:
        pytest.skip(str(error))
    decoder, talker = Decoder(samprate=RATE, bestpath=False, loglevel="FATAL"), Talker.load(DEMO)
    rows: list[Sequence[Curves]] = []
    for index, speech in enumerate(spoken):
        if (found := aligned(decoder, speech, HELD_OUT[index])) is None:
            continue
        clip = clip_of(speech, index)
        truth, heard = ({name: of[name] for name in SHAPES} for of in (truth_of(clip), heard_in(talker, clip)))
        own, encoder = (np.stack([*curves.values()], 1) for curves in (truth, heard))
        rows.append((own, encoder, *(visemes(later(found, steps), len(own))[:, :3] for steps in OFFSETS)))
    assert len(rows) >= 10
    offset = int(np.argmax([sum(agreement(row[0], row[2 + k])[0] for row in rows) for k in range(len(OFFSETS))]))
    for what, a, b in (
        ("truth and aligner", 0, 2 + offset),
        ("encoder and truth", 1, 0),
        ("encoder and aligner", 1, 2 + offset),
    ):
        figures = np.nanmean([agreement(row[a], row[b]) for row in rows], axis=0)
        shown = ", ".join(f"{name} {figure:.3f}" for name, figure in zip(SHAPES, figures, strict=True))
        print(f"\n{voice}, {len(rows)} sentences, {what}: {shown}", end="")
