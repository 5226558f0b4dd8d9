"""Emoji: which characters of a text form one, however it is put together.

Source: Unicode Technical Standard 51, "ED-16, emoji zwj sequence" and the definitions that lead to it.
"""

import re
from typing import Final

_PICTURE: Final = "[\u231a-\u23ff\u25a0-\u2767\u2794-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
_PRESENTED: Final = r"[^\s\w]\ufe0f|[\u2139\u24c2]\ufe0f"
"""A character that a variation selector makes a picture: arrows, the copyright sign, a double exclamation mark."""
_SKIN_TONE: Final = "[\U0001f3fb-\U0001f3ff]"
_ELEMENT: Final = f"(?:{_PRESENTED}|{_PICTURE}[\ufe0e\ufe0f]?){_SKIN_TONE}?"
_FLAG: Final = "[\U0001f1e6-\U0001f1ff]{1,2}"
_KEYCAP: Final = "[0-9#*]\ufe0f?\u20e3"
_TAGS: Final = "[\U000e0020-\U000e007f]*"
_LEFT_OVER: Final = "[\ufe0e\ufe0f\u20e3]"

EMOJI: Final = re.compile(
    f"{_KEYCAP}|{_FLAG}|{_ELEMENT}(?:\u200d{_ELEMENT})*{_TAGS}|{_LEFT_OVER}",
)
"""One emoji with all of its parts: skin tone, joined pictures, variation selector, flag, keycap, tags."""


def without_emoji(text: str) -> str:
    """A text of which nothing is left of any emoji."""
    return EMOJI.sub("", text)
