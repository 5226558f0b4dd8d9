"""Debian's festival: speech from recordings of people, with the times of its phonemes, to train the audio encoder on.

Its voices are cut from recordings of eleven people, each reading in their own language. What is not English reads
pseudo-words: its phonemes, not its words, are what a mouth can be learned from.
"""

import shutil
import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import run

import numpy as np

from actalker.puppet.espeak import Speech, Unit
from actalker.puppet.flite import ARPABET
from actalker.training.utterances import any_text

_FOLDER = Path("/usr/share/festival/voices")
_TIME_LIMIT_S = 60


@dataclass(frozen=True)
class Language:
    """How the voices of a language are read and written."""

    phonemes: Mapping[str, str]
    """Festival's names in IPA, as far as lips tell them apart; a pause is empty."""
    text: Callable[[np.random.Generator], str]
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Syllables:
    """Parts of the syllables of pseudo-words, separated by blanks; - is nothing."""

    onsets: str
    nuclei: str
    codas: str

    def __call__(self, rng: np.random.Generator) -> str:
        """A sentence of five to nine words of one to four syllables."""
        parts = [part.split() for part in (self.onsets, self.nuclei, self.codas)]

        def syllable() -> str:
            return "".join(part[int(rng.integers(len(part)))] for part in parts).replace("-", "")

        words = ["".join(syllable() for _ in range(int(rng.integers(1, 5)))) for _ in range(int(rng.integers(5, 10)))]
        return ", ".join(" ".join(half) for half in (words[:4], words[4:])) + "."


def _same(letters: str) -> dict[str, str]:
    """Phonemes whose names are their IPA letters."""
    return {letter: letter for letter in letters.split()}


_ENGLISH = Language(ARPABET, any_text)
_ITALIAN = Language(
    _same("a e i o u j w p t k b d f s v z ts dz m n l") | {
        "a1": "a", "e1": "e", "i1": "i", "o1": "o", "u1": "u", "E": "ɛ", "E1": "ɛ", "O": "ɔ", "O1": "ɔ", "g": "ɡ",
        "S": "ʃ", "Z": "ʒ", "tS": "tʃ", "dZ": "dʒ", "J": "nj", "ng": "ŋ", "nf": "v", "L": "lj", "r": "ɾ", "#": "",
    },
    Syllables(
        "b c d f g l m n p r s t v z br tr fr st sp sc ch gh gn gl qu - - -",
        "a e i o u ia io",
        "- - - - n r l s",
    ),
    "iso-8859-1",
)  # fmt: skip
_CZECH = Language(
    _same("a i o u b d dz f h j k l m n p s t v z") | {
        "e": "ɛ", "c": "ts", "c~": "tʃ", "ch": "x", "d~": "dj", "dz~": "dʒ", "g": "ɡ", "n*": "ŋ", "n~": "nj", "r": "ɾ",
        "r~": "ʒ", "r~*": "ʃ", "s~": "ʃ", "t~": "tj", "z~": "ʒ", "_": "ʔ", "#": "",
    },
    Syllables(
        "b c č d f g h ch j k l m n p r ř s š t v z ž st pr kl ď ť ň - -",
        "a e i o u á í é ú ů ě y",
        "- - - - n r l s k m t",
    ),
    "iso-8859-2",
)  # fmt: skip
_FINNISH = Language(
    _same("e i o u p t k b d f s h v m n l j w z") | {
        "a": "ɑ", "y": "u", "&": "ə", "@": "æ", "7": "o", "g": "ɡ", "T": "θ", "D": "ð", "S": "ʃ", "Z": "ʒ", "N": "ŋ",
        "L": "l", "r": "ɾ", "#": "", "##": "",
    },
    Syllables(
        "h j k l m n p r s t v d - -",
        "a e i o u y ä ö aa ii uu ää ee oo ai ei oi ui au ou",
        "- - - - n s l r t k p m",
    ),
    "iso-8859-1",
)  # fmt: skip
"""Its y and ö (7) have the lips of u and o."""
_HINDI = Language(
    _same("f k p b m n l v s h w") | {
        "a": "ʌ", "aa": "a", "ih": "ɪ", "iy": "i", "uh": "ʊ", "uw": "u", "eh": "e", "ee": "e", "ay": "ɛ", "oh": "o",
        "oo": "o", "aw": "ɔ", "g": "ɡ", "ch": "tʃ", "T": "t", "D": "d", "N": "n", "th": "t", "dh": "d", "y": "j",
        "r": "ɾ", "R": "ɾ", "L": "l", "sh": "ʃ", "j": "dʒ", "kh": "k", "gh": "ɡ", "td": "t", "tth": "t", "ddh": "d",
        "bh": "b", "zh": "ʒ", "ksh": "kʃ", "@": "æ", "pau": "",
    },
    Syllables(
        "क ख ग घ च ज ट ड त थ द न प फ ब भ म य र ल व श स ह",
        "- ा ि ी ु ू े ै ो ौ",
        "- - - - - - न र ल स म क",
    ),
)  # fmt: skip

VOICES = {
    "kal_diphone": _ENGLISH,
    "ked_diphone": _ENGLISH,
    "pc_diphone": _ITALIAN,
    "lp_diphone": _ITALIAN,
    "czech_ph": _CZECH,
    "czech_dita": _CZECH,
    "czech_machac": _CZECH,
    "czech_krb": _CZECH,
    "hy_fi_mv_diphone": _FINNISH,
    "suo_fi_lj_diphone": _FINNISH,
    "hindi_NSK_diphone": _HINDI,
}
"""Packages: festvox-kallpc16k, -kdlpc16k, -itapc16k, -italp16k, -czech-ph, -czech-dita, -czech-machac, -czech-krb,
-suopuhe-mv, -suopuhe-lj, -hi-nsk."""
_ENGLISH_SHARE = 0.3


@cache
def installed() -> tuple[str, ...]:
    """The `VOICES` that are there; none without the program."""
    if shutil.which("festival") is None:
        return ()
    return tuple(voice for voice in VOICES if any(_FOLDER.glob(f"*/{voice}")))


def say_anything(rng: np.random.Generator) -> Speech:
    """A text of the training in one of the installed voices, faster or slower."""
    voices = np.array(installed())
    english = np.array([VOICES[voice] is _ENGLISH for voice in voices])
    shares = np.where(english, _ENGLISH_SHARE / max(english.sum(), 1), (1 - _ENGLISH_SHARE) / max((~english).sum(), 1))
    voice = str(rng.choice(voices, p=shares / shares.sum()))
    return synthesise(VOICES[voice].text(rng), voice, float(rng.uniform(0.8, 1.25)))


def synthesise(text: str, voice: str, stretch: float = 1.0) -> Speech:
    """Speak `text`, which must be without quotation marks."""
    language = VOICES[voice]
    with tempfile.TemporaryDirectory() as folder:
        sound, segments, script = (Path(folder) / name for name in ("speech.wav", "speech.seg", "speech.scm"))
        script.write_text(
            f"(voice_{voice}) (Parameter.set 'Duration_Stretch {stretch:.3f})"
            f'(set! said (utt.synth (Utterance Text "{text}")))'
            f'(utt.save.wave said "{sound}") (utt.save.segs said "{segments}")',
            encoding=language.encoding,
        )
        run(("festival", "-b", str(script)), check=True, capture_output=True, timeout=_TIME_LIMIT_S)
        with wave.open(str(sound)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            rate = file.getframerate()
        phonemes = _phonemes(segments.read_text(encoding=language.encoding), rate, language.phonemes)
        return Speech(samples, rate, (), tuple(phonemes))


def _phonemes(segments: str, rate: int, names: Mapping[str, str]) -> Iterator[Unit]:
    """Lines `end 100 phoneme` after a line with `#`; a colon at the end of a phoneme means a long one."""
    start_s = 0.0
    for line in segments.partition("#")[2].split("\n"):
        if line.strip():
            end_s, _, phoneme = line.split()
            yield Unit(names[phoneme.removesuffix(":")], round(start_s * rate))
            start_s = float(end_s)
