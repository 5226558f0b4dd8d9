"""Which voices there are: their names, languages, kinds and sizes, and whether they are here."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.speech import espeak, hibari, kokoro, piper
from tasks.speech.language import primary


@dataclass(frozen=True, slots=True)
class Listed:
    """A voice in the list.

    Attributes:
        name: How a manifest names it.
        languages: Tags of what it speaks; empty: its file says.
        language: In words.
        kind: How it speaks, and whose it is.
        megabytes: What it takes on the disk; None where that is the size of the user's file. espeak-ng's voices share
            one package, and Kokoro's another.
        missing: What to do where it is not here; empty where it is.
    """

    name: str
    languages: tuple[str, ...]
    language: str
    kind: str
    megabytes: int | None
    missing: str = ""


def voices() -> Iterator[Listed]:
    """All voices, the neural ones first."""
    yield Listed(hibari.NAME, (hibari.LANGUAGE,), "English (America)", "neural", hibari.MEGABYTES)
    remedy = "" if kokoro.is_here() else kokoro.REMEDY
    for style in kokoro.STYLES:
        yield Listed(style, kokoro.LANGUAGES, ", ".join(kokoro.LANGUAGES), "neural", kokoro.MEGABYTES, remedy)
    remedy = "" if piper.is_here() else piper.REMEDY
    yield Listed("VOICE.onnx", (), "the one that its file names", "neural, your own Piper voice", None, remedy)
    for language, voice in espeak.languages().items():
        yield Listed(language, (language,), espeak.names()[voice], "formant (espeak-ng)", espeak.MEGABYTES)


def voices_of(language: str) -> tuple[Listed, ...]:
    """The voices of a language tag; those of all its countries where it names none."""
    tag = language.lower().replace("_", "-")

    def is_of(own: str) -> bool:
        return own == tag or ("-" not in tag and primary(own) == tag)

    return tuple(listed for listed in voices() if any(is_of(own) for own in listed.languages))
