"""Numbers in digits and in Roman letters, as words: cardinals, ordinals, years, decimals, digit by digit."""

import re
from dataclasses import dataclass
from typing import Final

from num2words import num2words

_LONGEST_NUMBER: Final = 15
"""More digits than this are read one by one."""
_ROMAN: Final = re.compile(r"X{0,3}(?:IX|IV|V?I{0,3})")
_ROMAN_VALUES: Final = {"X": 10, "V": 5, "I": 1}


@dataclass(frozen=True, slots=True)
class Numerals:
    """How a language writes and says numbers.

    Attributes:
        code: What num2words calls the language.
        decimal: What stands before the decimals; `point` is its name. `foreign` is that of other languages.
        thousands: What may stand between groups of three digits, as in a regular expression's character class.
    """

    code: str
    decimal: str
    foreign: str
    point: str
    thousands: str
    minus: str

    @property
    def pattern(self) -> str:
        """A regular expression for an unsigned number."""
        decimal, foreign = re.escape(self.decimal), re.escape(self.foreign)
        grouped = rf"[0-9]{{1,3}}(?:[{self.thousands}][0-9]{{3}})+(?:{decimal}[0-9]+)?"
        return rf"(?:{grouped}|[0-9]+(?:{decimal}[0-9]+|{foreign}[0-9]{{1,2}}(?![{self.thousands}]?[0-9]))?)"

    def number(self, text: str) -> str:
        """A number with its sign, separators and decimals: "-1,299.5"."""
        sign, plain = (f"{self.minus} ", text[1:]) if text[0] in "-−–" else ("", text)
        whole, fraction = self.split(plain)
        said = self.cardinal(whole)
        return sign + (f"{said} {self.point} {self.digits(fraction)}" if fraction else said)

    def split(self, text: str) -> tuple[str, str]:
        """The digits before and after the decimal sign."""
        if re.fullmatch(rf"[0-9]+{re.escape(self.foreign)}[0-9]{{1,2}}", text):
            whole, _, fraction = text.partition(self.foreign)
        else:
            whole, _, fraction = text.partition(self.decimal)
        return re.sub(f"[{self.thousands}]", "", whole), fraction

    def cardinal(self, digits: str) -> str:
        """A whole number; with leading zeros digit by digit."""
        if len(digits) > _LONGEST_NUMBER or (digits.startswith("0") and len(digits) > 1):
            return self.digits(digits)
        return str(num2words(int(digits), lang=self.code)).replace(",", "").replace("-", " ")

    def digits(self, digits: str) -> str:
        """Digit by digit."""
        return " ".join(str(num2words(int(digit), lang=self.code)) for digit in digits if digit.isdecimal())

    def ordinal(self, number: int) -> str:
        """ "twenty-first"; in German without an ending: "einundzwanzigste"."""
        return str(num2words(number, lang=self.code, to="ordinal"))

    def year(self, number: int) -> str:
        """ "nineteen ninety"."""
        return str(num2words(number, lang=self.code, to="year")).replace("-", " ")


def roman(letters: str) -> int | None:
    """The value of a Roman numeral below forty; None when it is none. Higher ones are mostly abbreviations."""
    if not letters or not _ROMAN.fullmatch(letters):
        return None
    values = [_ROMAN_VALUES[letter] for letter in letters]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))
