"""The language of a row's script: found where the row names none, and compared with the one that it names."""

from typing import Final

from tasks.errors import BadInput
from tasks.speech import hibari, voice, writing
from tasks.speech.identify import alike, identify, likelier
from tasks.speech.language import primary

ENGLISH: Final = "en"


DEFAULT_VOICES: Final = {"": hibari.NAME, ENGLISH: hibari.NAME}
"""For rows that name no voice, by the language without its country: elsewhere its own name is a voice's name."""


def chosen(name: str, language: str, spoken: str) -> tuple[str, str, str]:
    """The voice and the language of what is said: each follows from the other, and both from the text; and a doubt.

    Args:
        name, language: Empty where none is given.

    Raises:
        BadInput: There is no such voice, or none for the language.
    """
    doubt = ""
    if not language and not name:
        language, doubt = found(spoken)
        if language and language not in voice.voices():
            return DEFAULT_VOICES[""], language, doubt
    name = name or DEFAULT_VOICES.get(primary(language)) or voice.for_language(language) or language
    return name, language or voice.find(name).language, doubt


def found(spoken: str) -> tuple[str, str]:
    """The language of what a row says that names none, empty for English; and a doubt, empty where there is none."""
    guess = identify(spoken)
    if guess is None or guess.language == ENGLISH:
        return "", ""
    if guess.sure and guess.language in voice.voices():
        return guess.language, ""
    if writing.main(spoken) != writing.LATIN:  # which English could not read
        doubt = f"its script is taken to be in {guess.language!r}: name its language"
        return guess.language, "" if guess.sure else doubt
    other = likelier(spoken, ENGLISH)
    if not other:
        return "", ""
    if other in voice.voices():
        return "", f"its script may be in {other!r}, and is read as English: name its language"
    return "", f"its script is probably in {other!r}, for which there is no voice, and is read as English"


def doubt_of_voice(language: str, reader: str) -> str:
    """What a person should know of a voice for a language; empty where there is nothing.

    Args:
        language: The row's.
        reader: The voice's.
    """
    if not alike(primary(language), primary(reader)):
        return f"its language is {language!r}, and its voice speaks {reader!r}"
    if reader == hibari.LANGUAGE != language and language in voice.voices() and language != ENGLISH:
        return f"its voice has an American accent; espeak-ng has a voice {language!r}, if you name it"
    return ""


def check(spoken: str, language: str, reader: str, recorded: bool) -> str:
    """Whether a row's voice can read its script. A doubt, empty where there is none.

    Args:
        language: The one that the row names, empty where it names none.
        reader: The language of its voice.
        recorded: Whether it has a recording: then a voice is needed for the times of the words only.

    Raises:
        BadInput: The voice cannot.
    """
    unread = writing.unread(spoken, reader)
    if not unread:
        other = likelier(spoken, language)
        return f"its script is far more probably in {other!r} than in {language!r}" if other else ""
    system = max(unread, key=lambda name: unread[name])
    examples = writing.examples(spoken, system)
    if writing.is_read(spoken, reader):
        return f"the voice of {reader!r} cannot read {examples!r}, and spells it"
    share = unread.total() / writing.letters(spoken).total()
    problem = f"{share:.0%} of its letters are {writing.name(system)}, such as {examples!r}"
    kanji = primary(reader) == writing.JAPANESE and system == writing.HAN
    readers = () if kanji else writing.readers(system)
    who = f"the voice of {reader!r} cannot read" if readers or kanji else "no voice can read"
    if readers:
        guess = identify(spoken)
        better = guess.language if guess and guess.language in readers else readers[0]
        raise BadInput(f"{problem}, which {who}", f"Choose the language and voice {better}, or leave both empty.")
    if recorded:
        return f"{problem}, which {who}: there will be no captions"
    raise BadInput(
        f"{problem}, which {who}", f"Write it in {'kana' if kanji else 'other letters'}, or give a recording."
    )
