"""Web and e-mail addresses: where they are in a text, how a caption shows them, and how a voice reads them."""

import re
from collections.abc import Mapping
from typing import Final

_LONGEST_SHOWN: Final = 32
"""Characters: three quarters of a caption's line."""

_LABEL: Final = r"[^\W_](?:[\w-]*[^\W_])?"
_PATH: Final = r"(?:[/?#](?:[^\s<>\"“”«»()]|\([^\s<>\"()]*\))*(?<![.,;:!?…'’]))"
_TOP_LEVEL: Final = "com|org|net|edu|gov|info|io|dev|app|eu|de|ch|uk|fr|es|nl|pl|ca|au|jp"
"""Domains that make an address of what is written without "https://" or "www.". Words like "it" and "at" are none."""

E_MAIL: Final = re.compile(rf"(?<![\w@.+-])(?P<name>\w(?:[\w.+-]*\w)?)@(?P<host>(?:{_LABEL}\.)+[^\W\d_]{{2,}})")
WEB: Final = re.compile(
    rf"(?<![\w@.-])(?:(?i:https?|ftp)://(?:[^\s/@]+@)?|(?=[wW]{{3}}\.))(?P<host>{_LABEL}(?:\.{_LABEL})*)(?::\d+)?{_PATH}?"
    rf"|(?<![\w@./-])(?P<bare>{_LABEL}(?:\.{_LABEL})*\.(?:{_TOP_LEVEL}))(?![\w@-]|\.\w){_PATH}?"
)


def shortened(text: str) -> str:
    """A text in which long web addresses are replaced by their hosts."""
    return WEB.sub(lambda match: match[0] if len(match[0]) <= _LONGEST_SHOWN else host(match), text)


def host(web: re.Match[str]) -> str:
    """The host of an address that `WEB` found."""
    return web["host"] or web["bare"]


def without_www(name: str) -> str:
    """A host as people call it."""
    return re.sub(r"^www\.(?=.)", "", name, flags=re.IGNORECASE)


def read_host(name: str, signs: Mapping[str, str]) -> str:
    """How a host is read: "www.example.co.uk" -> "example dot co dot U K".

    Args:
        signs: The names of the full stop, the hyphen and the underscore.
    """
    *labels, last = without_www(name).split(".")
    read = [_read_label(label, signs) for label in labels]
    read.append(_spelt(last) if len(last) == 2 else _read_label(last, signs))
    return f" {signs['.']} ".join(read)


def read_e_mail(match: re.Match[str], signs: Mapping[str, str]) -> str:
    """How an address that `E_MAIL` found is read: "info at example dot com"."""
    name = f" {signs['.']} ".join(_read_label(part, signs) for part in match["name"].split("."))
    return f"{name} {signs['@']} {read_host(match['host'], signs)}"


def _read_label(label: str, signs: Mapping[str, str]) -> str:
    parts = [part if part in signs else _pronounceable(part) for part in re.findall(r"[-_+]|[^-_+]+", label)]
    return " ".join(signs.get(part, part) for part in parts)


def _pronounceable(part: str) -> str:
    """Letters without a vowel, and digits, are spelt."""
    pieces = re.findall(r"\d+|\D+", part)
    return " ".join(piece if re.search("[aeiouyäöü]", piece, re.IGNORECASE) else _spelt(piece) for piece in pieces)


def _spelt(letters: str) -> str:
    return " ".join(letters.upper())
