"""Text normalisation rules, and those that languages share: each fills in its own tables (`Lexicon`).

A rule is a pattern over a whole sentence: "10:30 Uhr" is one thing to read, and two words to show. What is said comes
in parts, in the order of time: each shown word gets one, and the last of them all that are left.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.speech import addresses
from tasks.speech.numerals import Numerals

Match = re.Match[str]
Parts = Sequence[str]

SPACE: Final = "[ \u00a0]"
"""Between two shown words (a common space), or inside one (a no-break space, whichever the script has)."""
LEFT: Final = r"(?<!\w)(?<!\w\.)(?<![0-9],)"
RIGHT: Final = r"(?!\w|[.,][0-9]|\.[a-z])"
SIGN: Final = r"(?:(?<![\w.)%])[-−–])?"
DASH: Final = rf"(?:[-–]|{SPACE}–{SPACE})"

_VULGAR: Final = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_IP_PARTS: Final = 4
_SHORT_MAGNITUDES: Final = frozenset("kM")
"""Those that follow a number without a currency: "4K" and "5B" are something else."""
_SHORTEST_PHONE: Final = 5
_FARTHEST: Final = 80
_EMERGENCY: Final = frozenset({"110", "112", "911", "999"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What matches `pattern` is read as `say` returns. Where it returns nothing, the rules after it are tried."""

    pattern: re.Pattern[str]
    say: Callable[[Match], Parts]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of a language.

    Attributes:
        to, score: "5 to 10", "3 to 1".
        one, feminine_one: "1" before a noun; `feminine` are the endings of nouns that take the second.
        signs: The names of the signs in addresses and between numbers.
        currencies: Symbol or code -> one, many, and hundredths ("" where they are not named).
        cents: What stands before the hundredths.
        magnitudes: What multiplies an amount -> what is said after one, and after many.
        units: Symbol -> what is said after one, and after many.
        powers: What stands before a unit with a raised figure.
        per: "km/h"; `per_what` may follow "/" in letters.
        parts: The names of one part and of many, by how many of them make a whole.
        and_part, and_half: What stands between "2" and "3/4", and what is put to "2" in "2 1/2".
        names: Abbreviations and symbols -> what is said. "#" stands for a number that follows, "^" for a capital; a
            small letter at the beginning may be a capital, and a space may be missing.
        phones: Words after which digits are a telephone number.
        programs: Words after which "3.11" is a version.
    """

    numerals: Numerals
    to: str
    score: str
    one: str
    feminine_one: str
    feminine: tuple[str, ...]
    signs: Mapping[str, str]
    currencies: Mapping[str, tuple[str, str, str]]
    cents: str
    magnitudes: Mapping[str, tuple[str, str]]
    units: Mapping[str, tuple[str, str]]
    powers: Mapping[str, str]
    per: str
    per_what: frozenset[str]
    parts: Mapping[int, tuple[str, str]]
    and_part: str
    and_half: str
    names: Mapping[str, str]
    phones: frozenset[str]
    programs: frozenset[str]


def words(text: str) -> frozenset[str]:
    """A set of words, written with spaces between them."""
    return frozenset(text.split())


def table(text: str) -> dict[str, str]:
    """A table written as `key: value` lines; what several keys share is written once: `km2, km²: ...`."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        keys, _, value = line.rpartition(": ")
        found |= dict.fromkeys(keys.split(", "), value)
    return found


def counted(text: str) -> dict[str, tuple[str, str]]:
    """A table written as `key: one / many` lines; what is the same for both is written once."""
    entries = {key: value.partition(" / ") for key, value in table(text).items()}
    return {key: (one, many or one) for key, (one, _, many) in entries.items()}


def rule(pattern: str, say: Callable[[Match], Parts]) -> Rule:
    """A rule for what begins apart from other letters and digits."""
    return Rule(re.compile(f"{LEFT}(?:{pattern})"), say)


def either(keys: Iterable[str]) -> str:
    """A regular expression for one of some texts, the longest first."""
    return "(?:" + "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True)) + ")"


def text_before(match: Match) -> str:
    """What stands before what matched, as far as rules look back, with plain spaces."""
    return match.string[max(0, match.start() - _FARTHEST) : match.start()].replace("\u00a0", " ")


def word_before(match: Match) -> str:
    """The word before what matched, in small letters, without what surrounds it."""
    last = text_before(match).split()[-1:]
    return last[0].lower().strip("\"'“”‘’«»‹›„()[],;:") if last else ""


def text_after(match: Match) -> str:
    """What follows what matched, as far as rules look ahead, with plain spaces."""
    return match.string[match.end() : match.end() + _FARTHEST].replace("\u00a0", " ")


def address_rules(lexicon: Lexicon) -> tuple[Rule, ...]:
    """Web and e-mail addresses, their digits one by one."""

    def spelt(said: str) -> Parts:
        return [re.sub("[0-9]+", lambda digits: lexicon.numerals.digits(digits[0]), said)]

    return (
        Rule(addresses.WEB, lambda match: spelt(addresses.read_host(addresses.host(match), lexicon.signs))),
        Rule(addresses.E_MAIL, lambda match: spelt(addresses.read_e_mail(match, lexicon.signs))),
    )


def shared_rules(lexicon: Lexicon) -> tuple[Rule, ...]:
    """What differs between languages in words alone; dates, times, years and ordinals go first.

    The order is that in which they claim what they match.
    """
    shared = _Shared(lexicon)
    return (*shared.phones(), *shared.amounts(), *shared.compounds(), shared.names())


def number_rules(numerals: Numerals) -> tuple[Rule, ...]:
    """What is left at the end: numbers, and groups of digits that are none."""
    return (
        rule(f"{SIGN}{numerals.pattern}{RIGHT}", lambda match: [numerals.number(match[0])]),
        rule(r"[0-9]+(?:[.,][0-9]+)+(?!\w)", lambda m: [", ".join(map(numerals.digits, re.split("[.,]", m[0])))]),
    )


class _Shared:
    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.numerals = lexicon.numerals
        self.currency = either(lexicon.currencies)

    def phones(self) -> tuple[Rule, ...]:
        """Telephone numbers: an area code, a country code, four groups or more, or a word that says so."""
        groups = rf"[0-9]+(?:[ \u00a0/().-]{{1,3}}[0-9]+)*{RIGHT}"
        area = rf"(?:\((?:0[0-9]{{1,4}}|[0-9]{{3}})\)|0[0-9]{{1,5}})(?:{SPACE}?[/–-]{SPACE}?|{SPACE})"
        long = r"(?=(?:[ \u00a0/().-]{0,3}[0-9]){7})"
        return (
            rule(rf"\+{long}{groups}", self._phone),
            rule(rf"{long}{area}[0-9]{{2,}}(?:[ \u00a0-][0-9]{{2,}})*{RIGHT}", self._phone),
            rule(rf"[0-9]+(?:[-/][0-9]+){{2,}}{RIGHT}", self._phone),
            rule(rf"[0-9]{{3}}\.[0-9]{{3}}\.[0-9]{{4}}{RIGHT}", self._phone),
            rule(groups, lambda match: self._phone(match) if self._is_dialled(match) else ()),
        )

    def amounts(self) -> tuple[Rule, ...]:
        """Money, large numbers, and what has a unit."""
        number, currency, sign = self.numerals.pattern, self.currency, f"(?P<sign>{SIGN})"
        magnitude, unit = either(self.lexicon.magnitudes), either(self.lexicon.units)
        money = rf"(?P<number>{number})(?:{DASH}{currency}?{SPACE}?(?P<last>{number}))?(?:,[-–]{{1,2}})?"
        large = rf"(?:{SPACE}?(?P<magnitude>{magnitude})(?!\w))?"
        quantity = rf"{sign}(?P<number>{number})(?:{DASH}(?P<last>[-−]?{number}))?"
        measure = rf"(?P<unit>{unit})(?P<power>[²³])?(?:/(?P<per>{unit})(?P<per_power>[²³])?)?"
        return (
            rule(rf"{sign}(?P<symbol>{currency}){SPACE}?{money}{large}{RIGHT}", self._money),
            rule(rf"{sign}{money}{large}{SPACE}?(?P<symbol>{currency})(?!\w)", self._money),
            rule(rf"(?P<number>{number})(?P<space>{SPACE}?)(?P<magnitude>{magnitude})(?!\w)", self._large),
            rule(rf"{quantity}{SPACE}?{measure}(?![\w/])", self._quantity),
        )

    def compounds(self) -> tuple[Rule, ...]:
        """Numbers that are put together with signs."""
        part = rf"(?:(?P<vulgar>[{_VULGAR}])|(?P<part>[0-9]{{1,3}})/(?P<of>[0-9]{{1,3}}))(?![\w/]|[.,][0-9])"
        signs = self.lexicon.signs
        return (
            rule(rf"(?P<whole>[0-9]+)(?:{SPACE}|(?=[{_VULGAR}])){part}", self._fraction),
            rule(rf"(?P<whole>){part}", self._fraction),
            rule(rf"[0-9]+(?:\.[0-9]+)+{RIGHT}", self._version),
            rule(rf"(?P<one>[0-9]{{1,3}}):(?P<other>[0-9]{{1,3}}){RIGHT}", self._score),
            _sign(rf"(?<=[0-9.%]){DASH}(?={self.currency}?{SPACE}?[0-9])", lambda match: self.lexicon.to),
            _sign(r"(?<=[0-9])[+=×÷−](?=[0-9])", lambda match: signs[match[0]]),
            _sign(r"(?<![\w.)%+])\+(?=[0-9])", lambda match: signs["+"]),
            _sign(rf"(?<=[\w€$£¥%])/(?={either(self.lexicon.per_what)}\b)", lambda match: self.lexicon.per),
        )

    def names(self) -> Rule:
        """Abbreviations and symbols."""
        said: dict[str, str] = {}
        patterns: list[str] = []
        for place, key in enumerate(sorted(self.lexicon.names, key=len, reverse=True)):
            said[f"n{place}"] = self.lexicon.names[key]
            patterns.append(f"(?P<n{place}>{_name_pattern(key)})")
        return Rule(re.compile("|".join(patterns)), lambda match: [_apart(said[str(match.lastgroup)], match)])

    def _phone(self, match: Match) -> Parts:
        """Digit by digit, with a comma between groups."""
        *groups, last = (self.numerals.digits(group) for group in re.findall("[0-9]+", match[0]))
        first, *others = [*(f"{group}," for group in groups), last]
        return [f"{self.lexicon.signs['+']} {first}" if match[0].startswith("+") else first, *others]

    def _is_dialled(self, match: Match) -> bool:
        digits = sum(character.isdecimal() for character in match[0])
        return word_before(match) in self.lexicon.phones and (digits >= _SHORTEST_PHONE or match[0] in _EMERGENCY)

    def _money(self, match: Match) -> Parts:
        one, many, hundredths = self.lexicon.currencies[match["symbol"]]
        whole, fraction = self.numerals.split(match["number"])
        if match["magnitude"]:
            parts = [*self._counted(match, self.lexicon.magnitudes[match["magnitude"]]), many]
        elif len(fraction) == 2 and not match["last"]:
            parts = self._cents(whole, fraction, (one, many), hundredths)
        else:
            parts = self._counted(match, (one, many))
        return self._signed(match, parts)

    def _cents(self, whole: str, fraction: str, names: tuple[str, str], hundredths: str) -> list[str]:
        cents = self.numerals.cardinal(fraction.lstrip("0") or "0")
        if whole.strip("0") == "" and hundredths:
            return [cents, hundredths]
        money = self._count(whole, names)
        if not fraction.strip("0"):
            return money
        return [*money, f"{self.lexicon.cents} {cents} {hundredths}" if self.lexicon.cents else cents]

    def _large(self, match: Match) -> Parts:
        magnitude = match["magnitude"]
        if len(magnitude) == 1 and (match["space"] or magnitude not in _SHORT_MAGNITUDES):
            return ()
        return self._counted(match, self.lexicon.magnitudes[magnitude])

    def _quantity(self, match: Match) -> Parts:
        names = self._measure(match["unit"], match["power"])
        if match["per"]:
            per = self._measure(match["per"], match["per_power"])[0]
            names = (f"{names[0]} {self.lexicon.per} {per}", f"{names[1]} {self.lexicon.per} {per}")
        return self._signed(match, self._counted(match, names))

    def _measure(self, unit: str, power: str | None) -> tuple[str, str]:
        one, many = self.lexicon.units[unit]
        if not power:
            return one, many
        before = self.lexicon.powers[power]
        return (before + one, before + many) if before.endswith(" ") else (before + one.lower(), before + many.lower())

    def _counted(self, match: Match, names: tuple[str, str]) -> list[str]:
        """How many of something, or from how many to how many."""
        number, last = match["number"], match.groupdict().get("last")
        if not last:
            return self._count(number, names)
        span = [self.numerals.number(number), f"{self.lexicon.to} {self.numerals.number(last)}"]
        apart = " " in match.string[match.end("number") : match.start("last")]
        return [*(span if apart else [" ".join(span)]), names[1]]

    def _count(self, number: str, names: tuple[str, str]) -> list[str]:
        one, many = names
        if number == "1":
            return [self.lexicon.feminine_one if one.endswith(self.lexicon.feminine) else self.lexicon.one, one]
        return [self.numerals.number(number), many]

    def _signed(self, match: Match, parts: list[str]) -> list[str]:
        return [f"{self.numerals.minus} {parts[0]}", *parts[1:]] if match["sign"] else parts

    def _fraction(self, match: Match) -> Parts:
        groups = match.groupdict()
        if groups["vulgar"]:
            part, _, of = unicodedata.normalize("NFKD", groups["vulgar"]).partition("\u2044")
        else:
            part, of = groups["part"], groups["of"]
        if int(part) >= int(of) or int(of) not in self.lexicon.parts:
            return () if groups["whole"] else [f"{self.numerals.cardinal(part)} {self.numerals.cardinal(of)}"]
        whole = self.lexicon.one if groups["whole"] == "1" else self.numerals.cardinal(groups["whole"] or "0")
        if groups["whole"] and (part, of) == ("1", "2"):
            half = self.lexicon.and_half
            return [whole, half.strip()] if " " in match[0] else [whole + half]
        one, many = self.lexicon.parts[int(of)]
        said = f"{self.lexicon.one} {one}" if part == "1" else f"{self.numerals.cardinal(part)} {many}"
        return [f"{whole}{self.lexicon.and_part}", said] if groups["whole"] else [said]

    def _version(self, match: Match) -> Parts:
        """ "3.11.4" as numbers, "192.168.0.1" digit by digit; "3.11" after the name of a program."""
        numbers = match[0].split(".")
        if len(numbers) == 2 and self.numerals.decimal == "." and word_before(match) not in self.lexicon.programs:
            return ()
        if self.numerals.decimal != "." and re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+", match[0]):
            return ()
        is_ip = len(numbers) == _IP_PARTS and all(int(number) < 256 for number in numbers)
        read = self.numerals.digits if is_ip else self.numerals.cardinal
        return [f" {self.lexicon.signs['.'] if is_ip else self.lexicon.signs['..']} ".join(map(read, numbers))]

    def _score(self, match: Match) -> Parts:
        return [f"{self.numerals.cardinal(match['one'])} {self.lexicon.score} {self.numerals.cardinal(match['other'])}"]


def _sign(pattern: str, name: Callable[[Match], str]) -> Rule:
    """A rule for a sign between numbers."""
    return Rule(re.compile(pattern), lambda match: [f" {name(match)} "])


def _apart(said: str, match: Match) -> str:
    """With a space where a number follows without one: "§5"."""
    return f"{said} " if match.string[match.end() : match.end() + 1].isdecimal() else said


def _name_pattern(key: str) -> str:
    """See `Lexicon.names`."""
    text, follows = (key[:-2], key[-1]) if key[-2:] in {" #", " ^"} else (key, "")
    if not any(character.isalpha() for character in text):
        return rf"(?<!\w){re.escape(text)}(?={SPACE}?[0-9])" if follows else rf"(?<!\S){re.escape(text)}(?!\S)"
    first = f"[{text[0]}{text[0].upper()}]" if text[0].islower() else re.escape(text[0])
    pattern = first + re.escape(text[1:]).replace(r"\ ", f"{SPACE}?")
    ahead = {"#": f"(?={SPACE}?[0-9IVX])", "^": f"(?={SPACE}[^\\W\\d_a-zäöüß])", "": ""}[follows]
    end = "" if text.endswith(".") else r"(?!\w)"
    return rf"(?<![\w.]){pattern}{end}{ahead}"
