"""How words are read aloud: "$4.5 million" is shown, "four point five million dollars" is heard.

Each shown word has its own spoken words, so that it keeps its own time. English and German are read here; in other
languages words are left to the voice, which reads numbers and abbreviations in its own way.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from num2words import num2words

from tasks.speech.emoji import without_emoji


@dataclass(frozen=True, slots=True)
class _Language:
    """What differs between languages.

    Attributes:
        currencies: Symbol -> the name of one, of many, and of hundredths ("" where they are not named).
        names: Abbreviations and symbols -> what is said. Those with a full stop are looked up with it.
        units: What is said for a unit that follows a number.
        before_years: Words (in small letters) after which 1100 to 2099 are years.
    """

    code: str
    decimal: str
    thousands: str
    point: str
    minus: str
    to: str
    currencies: dict[str, tuple[str, str, str]]
    magnitudes: dict[str, str]
    names: dict[str, str]
    units: dict[str, str]
    months: frozenset[str]
    before_years: frozenset[str]


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENGLISH: Final = _Language(
    code="en",
    decimal=".",
    thousands=",",
    point="point",
    minus="minus",
    to="to",
    currencies={
        "$": ("dollar", "dollars", "cents"),
        "€": ("euro", "euros", "cents"),
        "£": ("pound", "pounds", "pence"),
        "¥": ("yen", "yen", ""),
    },
    magnitudes={"k": "thousand", "M": "million", "m": "million", "bn": "billion", "B": "billion", "tn": "trillion"},
    names={
        "dr.": "doctor", "mr.": "mister", "mrs.": "missus", "ms.": "miz", "prof.": "professor", "st.": "saint",
        "vs.": "versus", "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "approx.": "approximately",
        "no.": "number", "fig.": "figure", "a.m.": "ay em", "p.m.": "pee em", "jan.": "january", "feb.": "february",
        "aug.": "august", "sept.": "september", "oct.": "october", "nov.": "november", "dec.": "december",
        "&": "and", "+": "plus", "=": "equals", "%": "percent", "°c": "degrees celsius", "°f": "degrees fahrenheit",
    },
    units={
        "km": "kilometers", "m": "meters", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "g": "grams",
        "l": "liters", "ml": "milliliters", "ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours",
        "GB": "gigabytes", "MB": "megabytes", "kB": "kilobytes", "TB": "terabytes", "Hz": "hertz", "kHz": "kilohertz",
        "mph": "miles per hour", "km/h": "kilometers per hour",
    },
    months=_set("january february march april may june july august september october november december"),
    before_years=_set("in since until till from by before after during of year to and between around circa"),
)  # fmt: skip

_GERMAN: Final = _Language(
    code="de",
    decimal=",",
    thousands=".",
    point="Komma",
    minus="minus",
    to="bis",
    currencies={
        "$": ("Dollar", "Dollar", ""),
        "€": ("Euro", "Euro", ""),
        "£": ("Pfund", "Pfund", ""),
        "¥": ("Yen", "Yen", ""),
    },
    magnitudes={"Mio.": "Millionen", "Mrd.": "Milliarden", "Mio": "Millionen", "Mrd": "Milliarden"},
    names={
        "dr.": "Doktor", "prof.": "Professor", "hr.": "Herr", "fr.": "Frau", "nr.": "Nummer", "str.": "Straße",
        "z.b.": "zum Beispiel", "z.": "zum", "b.": "Beispiel", "d.h.": "das heißt", "usw.": "und so weiter",
        "bzw.": "beziehungsweise", "ca.": "circa", "inkl.": "inklusive", "evtl.": "eventuell", "vgl.": "vergleiche",
        "ggf.": "gegebenenfalls", "u.a.": "unter anderem",
        "mio.": "Millionen", "mrd.": "Milliarden", "abb.": "Abbildung",
        "&": "und", "+": "plus", "=": "gleich", "%": "Prozent", "§": "Paragraf", "°c": "Grad Celsius",
    },
    units={
        "km": "Kilometer", "m": "Meter", "cm": "Zentimeter", "mm": "Millimeter", "kg": "Kilogramm", "g": "Gramm",
        "l": "Liter", "ml": "Milliliter", "ms": "Millisekunden", "s": "Sekunden", "min": "Minuten", "h": "Stunden",
        "GB": "Gigabyte", "MB": "Megabyte", "kB": "Kilobyte", "TB": "Terabyte", "Hz": "Hertz", "kHz": "Kilohertz",
        "km/h": "Kilometer pro Stunde",
    },
    months=_set("januar februar märz april mai juni juli august september oktober november dezember"),
    before_years=frozenset({"jahr", "jahre", "jahres", "im", "in", "seit", "bis", "von", "um", "ab", "nach", "vor"}),
)  # fmt: skip

_LANGUAGES: Final = {language.code: language for language in (_ENGLISH, _GERMAN)}

_QUOTES: Final = "[\"'“”‘’«»‹›„()\\[\\]]*"
_PARTS = re.compile(rf"(?P<before>{_QUOTES})(?P<core>.*?)(?P<after>{_QUOTES}[,;:!?.…]*{_QUOTES}(?:\s\W+)?)")
_DIGITS: Final = r"[0-9](?:[0-9.,]*[0-9])?"
_SIGNED = re.compile(rf"[-−–]?{_DIGITS}")
_CURRENCY = re.compile(rf"(?P<symbol>[$€£¥])(?P<number>{_DIGITS})(?P<magnitude>[A-Za-z]+\.?)?")
_WITH_UNIT = re.compile(rf"(?P<number>[-−]?{_DIGITS})(?P<unit>%|[$€£¥]|°[CF]|[a-zA-Z]+(?:/h)?)")
_ORDINAL = re.compile(r"([0-9]{1,6})(?:st|nd|rd|th)")
_CLOCK = re.compile(r"(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])")
_RANGE = re.compile(rf"(?P<first>{_DIGITS})[-–](?P<last>{_DIGITS})(?P<unit>%?)")
_DIGIT_GROUPS = re.compile(r"\+?[0-9]+(?:[-/ ][0-9]+){2,}")
_WHOLE_DOTTED = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{3})+")
_ENGLISH_MAGNITUDES: Final = _set("thousand million billion trillion")
_GERMAN_MAGNITUDES: Final = _set("tausend mio. mrd. million millionen milliarde milliarden")
_LONGEST_NUMBER: Final = 15
"""More digits than this are read one by one."""


def normalise(words: Sequence[str], language: str) -> tuple[str, ...]:
    """What is said for each word of a sentence, punctuation kept. No result is empty."""
    rules = _LANGUAGES.get(language.partition("-")[0])
    plain = [_pronounceable(word) for word in words]
    if rules is None:
        return tuple(plain)
    return tuple(_Reading(plain, index, rules).text() for index in range(len(plain)))


class _Reading:
    """One word among its neighbours."""

    def __init__(self, words: Sequence[str], index: int, rules: _Language) -> None:
        self.rules = rules
        self.word = words[index]
        self.last = index == len(words) - 1
        self.previous = _bare(words[index - 1]) if index else ""
        self.following = "" if self.last else _bare(words[index + 1])
        match = _PARTS.fullmatch(self.word)
        self.before, self.core, self.after = match.groups() if match else ("", self.word, "")

    def text(self) -> str:
        """What is said."""
        stop = "." if self.after.startswith(".") else ""
        dotted = self.core + stop
        if name := self._named(dotted):
            return self.before + name + self.after.removeprefix(stop) + (stop if self.last else "")
        if stop and self.core.isdecimal() and self._is_german_ordinal():
            return self.before + self._german_ordinal(int(self.core)) + self.after.removeprefix(stop)
        readers: tuple[Callable[[], str | None], ...] = (
            self._money, self._clock, self._digit_groups, self._range, self._ordinal, self._number, self._with_unit,
        )  # fmt: skip
        said = next((text for reader in readers if (text := reader())), self.core)
        return f"{self.before}{said}{self._ending()}{self.after}"

    def _named(self, dotted: str) -> str | None:
        """The name of an abbreviation, of a symbol, or of a unit after its number."""
        unit = dotted.rstrip(".")
        if self.previous[-1:].isdigit() and unit in self.rules.units:
            return self.rules.units[unit]
        after_amount = self.previous[-1:].isdigit() or self.previous in _GERMAN_MAGNITUDES
        if after_amount and unit in self.rules.currencies:
            return self.rules.currencies[unit][1]
        small = dotted.lower()
        if small == "no." and not self.following[:1].isdigit():
            return None
        if small in {"z.", "b."} and "z.b." not in {small + self.following, self.previous + small}:
            return None
        return self.rules.names.get(small) or self.rules.names.get(self.core.lower())

    def _ending(self) -> str:
        """What is said later than it is written: "$4.5 million" -> "million dollars", "10:30 Uhr" -> "Uhr dreißig"."""
        clock = _CLOCK.fullmatch(self.previous)
        if clock and self.core == "Uhr" and int(clock["minute"]):
            return " " + self._cardinal(clock["minute"].lstrip("0"))
        money = _CURRENCY.fullmatch(self.previous)
        if money and not money["magnitude"] and self.core.lower() in _ENGLISH_MAGNITUDES:
            return " " + self.rules.currencies[money["symbol"]][1]
        return ""

    def _money(self) -> str | None:
        match = _CURRENCY.fullmatch(self.core)
        if match is None:
            return None
        one, many, hundredths = self.rules.currencies[match["symbol"]]
        number, magnitude = match["number"], match["magnitude"]
        if magnitude:
            name = self.rules.magnitudes.get(magnitude)
            return f"{self._read(number)} {name} {many}" if name else None
        if self.following in _ENGLISH_MAGNITUDES | _GERMAN_MAGNITUDES:
            return self._read(number)
        whole, _, fraction = number.rpartition(self.rules.decimal) if self.rules.decimal in number else (number, "", "")
        unit = one if whole == "1" else many
        if len(fraction) != 2:
            return f"{self._read(number)} {unit}"
        cents = self._cardinal(fraction.lstrip("0") or "0")
        return f"{self._read(whole)} {unit} {f'and {cents} {hundredths}' if hundredths else cents}"

    def _clock(self) -> str | None:
        match = _CLOCK.fullmatch(self.core)
        if match is None:
            return None
        hour, minute = self._cardinal(match["hour"]), int(match["minute"])
        if self.rules.code == "de":
            minutes = f" {self._cardinal(str(minute))}" if minute else ""
            return hour if self.following == "uhr" else f"{hour} Uhr{minutes}"
        if not minute:
            return hour if self.following in {"a.m.", "p.m.", "am", "pm"} else f"{hour} o'clock"
        return f"{hour} {'oh ' if minute < 10 else ''}{self._cardinal(str(minute))}"

    def _digit_groups(self) -> str | None:
        """Telephone numbers and the like, digit by digit; a comma between groups."""
        if not _DIGIT_GROUPS.fullmatch(self.core):
            return None
        return ", ".join(self._digits(group) for group in re.findall(r"[0-9]+", self.core))

    def _range(self) -> str | None:
        match = _RANGE.fullmatch(self.core)
        if match is None:
            return None
        unit = f" {self.rules.names['%']}" if match["unit"] else ""
        return f"{self._read(match['first'])} {self.rules.to} {self._read(match['last'])}{unit}"

    def _ordinal(self) -> str | None:
        match = _ORDINAL.fullmatch(self.core)
        if self.rules.code != "en":
            return None
        day = self.core.isdecimal() and len(self.core) <= 2 and self.previous in self.rules.months
        if match or day:
            return str(num2words(int(match[1] if match else self.core), lang="en", to="ordinal"))
        return None

    def _number(self) -> str | None:
        if not _SIGNED.fullmatch(self.core):
            return None
        if self._is_year():
            return str(num2words(int(self.core), lang=self.rules.code, to="year")).replace("-", " ")
        if self.rules.code == "de" and self.core == "1" and not self.after and not self.last:
            return "ein"
        return self._read(self.core)

    def _is_year(self) -> bool:
        if not (self.core.isdecimal() and len(self.core) == 4 and 1100 <= int(self.core) < 2100):
            return False
        previous = self.previous.rstrip(",")
        after_date = previous in self.rules.months or previous.rstrip("dhnrst").isdecimal()
        return previous in self.rules.before_years or after_date

    def _with_unit(self) -> str | None:
        match = _WITH_UNIT.fullmatch(self.core)
        if match is None:
            return None
        unit = match["unit"]
        name = self.rules.units.get(unit) or self.rules.names.get(unit.lower())
        name = name or (self.rules.currencies[unit][1] if unit in self.rules.currencies else None)
        return f"{self._read(match['number'])} {name}" if name else None

    def _is_german_ordinal(self) -> bool:
        return self.rules.code == "de" and not self.last and len(self.core) <= 3

    def _german_ordinal(self, number: int) -> str:
        inflected = self.previous in _set("am vom zum beim im dem den des ab bis seit nach")
        return f"{num2words(number, lang='de', to='ordinal')}{'n' if inflected else ''}"

    def _read(self, number: str) -> str:
        """A number with its sign, separators and decimals."""
        sign = f"{self.rules.minus} " if number[0] in "-−–" else ""
        number = number.lstrip("-−–")
        if _WHOLE_DOTTED.fullmatch(number) and self.rules.decimal not in number:
            number = number.replace(self.rules.thousands, "")
        whole, _, fraction = number.replace(self.rules.thousands, "").partition(self.rules.decimal)
        if not whole.isdecimal() or (fraction and not fraction.isdecimal()):
            return sign + ", ".join(self._digits(group) for group in re.findall(r"[0-9]+", number))
        said = self._cardinal(whole)
        return sign + (f"{said} {self.rules.point} {self._digits(fraction)}" if fraction else said)

    def _cardinal(self, digits: str) -> str:
        if len(digits) > _LONGEST_NUMBER or (digits.startswith("0") and len(digits) > 1):
            return self._digits(digits)
        return str(num2words(int(digits), lang=self.rules.code)).replace(",", "").replace("-", " ")

    def _digits(self, digits: str) -> str:
        return " ".join(str(num2words(int(digit), lang=self.rules.code)) for digit in digits)


def _pronounceable(word: str) -> str:
    """Without pictures, which voices would name, without invisible marks, and with plain spaces."""
    kept = (
        character
        for character in without_emoji(word)
        if character in "°\u200c\u200d" or unicodedata.category(character) not in {"So", "Cf"}
    )
    return " ".join("".join(kept).split()) or word


def _bare(word: str) -> str:
    return word.lower().strip("\"'“”‘’«»‹›„()[]").rstrip(",;:!?…")
