"""English: how its numbers, dates, times, units and abbreviations are read."""

import re
from typing import Final

from tasks.speech.numerals import Numerals, roman
from tasks.speech.rules import (
    DASH,
    RIGHT,
    SPACE,
    Lexicon,
    Match,
    Parts,
    Rule,
    address_rules,
    counted,
    number_rules,
    rule,
    shared_rules,
    table,
    text_after,
    text_before,
    word_before,
    words,
)  # fmt: skip

_NUMERALS: Final = Numerals(code="en", decimal=".", foreign=",", point="point", thousands=",'’\u00a0", minus="minus")
_PARTS: Final = {of: (_NUMERALS.ordinal(of), f"{_NUMERALS.ordinal(of)}s") for of in (3, *range(5, 11), 12, 16, 20, 100)}

_LEXICON: Final = Lexicon(
    numerals=_NUMERALS,
    to="to",
    score="to",
    one="one",
    feminine_one="one",
    feminine=(),
    signs={
        ".": "dot", "..": "point", "-": "hyphen", "_": "underscore", "@": "at",
        "+": "plus", "−": "minus", "=": "equals", "×": "times", "÷": "divided by",
    },
    currencies={
        "$": ("dollar", "dollars", "cents"), "US$": ("U S dollar", "U S dollars", "cents"),
        "USD": ("U S dollar", "U S dollars", "cents"),
        "€": ("euro", "euros", "cents"), "EUR": ("euro", "euros", "cents"),
        "£": ("pound", "pounds", "pence"), "GBP": ("pound", "pounds", "pence"),
        "¥": ("yen", "yen", ""), "JPY": ("yen", "yen", ""),
        "₹": ("rupee", "rupees", "paise"), "INR": ("rupee", "rupees", "paise"),
        "CHF": ("Swiss franc", "Swiss francs", "centimes"),
    },
    cents="and",
    magnitudes=counted(
        """
        thousand, k, K: thousand
        million, m, M, mn: million
        billion, bn, B: billion
        trillion, tn: trillion
        """
    ),
    units=counted(
        """
        %: percent
        ‰: per mille
        °: degree / degrees
        °C, ℃: degree Celsius / degrees Celsius
        °F, ℉: degree Fahrenheit / degrees Fahrenheit
        km: kilometer / kilometers
        m: meter / meters
        cm: centimeter / centimeters
        mm: millimeter / millimeters
        µm, μm: micrometer / micrometers
        nm: nanometer / nanometers
        mi: mile / miles
        ft: foot / feet
        yd: yard / yards
        m/s²: meter per second squared / meters per second squared
        mph: mile per hour / miles per hour
        ha: hectare / hectares
        t: ton / tons
        kg: kilogram / kilograms
        g: gram / grams
        mg: milligram / milligrams
        lb, lbs: pound / pounds
        oz: ounce / ounces
        l, L: liter / liters
        ml, mL: milliliter / milliliters
        h, hr, hrs: hour / hours
        min, min., mins: minute / minutes
        s, sec, sec.: second / seconds
        ms: millisecond / milliseconds
        Hz: hertz
        kHz: kilohertz
        MHz: megahertz
        GHz: gigahertz
        B: byte / bytes
        kB, KB: kilobyte / kilobytes
        MB: megabyte / megabytes
        GB: gigabyte / gigabytes
        TB: terabyte / terabytes
        kbit: kilobit / kilobits
        Mbit: megabit / megabits
        Gbit: gigabit / gigabits
        kbps: kilobit per second / kilobits per second
        Mbps: megabit per second / megabits per second
        Gbps: gigabit per second / gigabits per second
        W: watt / watts
        kW: kilowatt / kilowatts
        MW: megawatt / megawatts
        Wh: watt hour / watt hours
        kWh: kilowatt hour / kilowatt hours
        V: volt / volts
        mA: milliampere / milliamperes
        kcal: kilocalorie / kilocalories
        hPa: hectopascal / hectopascals
        bar: bar / bars
        dB: decibel / decibels
        px: pixel / pixels
        fps: frame per second / frames per second
        """
    ),
    powers={"²": "square ", "³": "cubic "},
    per="per",
    per_what=words("second minute hour day week month year person user seat head km kg m²"),
    parts={2: ("half", "halves"), 4: ("quarter", "quarters"), **_PARTS},
    and_part=" and",
    and_half=" and a half",
    names=table(
        """
        Dr. ^: doctor
        Mr., Mr ^: mister
        Mrs., Mrs ^: missus
        Ms., Ms ^: miz
        Prof. ^: professor
        St. ^: saint
        Mt. ^: mount
        Jr.: junior
        Sr.: senior
        Inc.: incorporated
        Ltd.: limited
        Co.: company
        Corp.: corporation
        Ave.: avenue
        Blvd.: boulevard
        Rd.: road
        dept.: department
        govt.: government
        vs., vs: versus
        e.g., e. g.: for example
        i.e., i. e.: that is
        etc.: et cetera
        approx.: approximately
        cf.: compare
        ca. #: circa
        c. #: circa
        a.k.a.: also known as
        w/: with
        w/o: without
        no. #, № #, # #: number
        nos. #: numbers
        fig. #: figure
        figs. #: figures
        eq. #: equation
        sec. #: section
        ch. #: chapter
        vol. #: volume
        p. #: page
        pp. #: pages
        art. #: article
        § #: section
        §§ #: sections
        ext. #: extension
        a.m.: ay em
        p.m.: pee em
        A.D.: ay dee
        B.C.: bee see
        C.E.: see ee
        B.C.E.: bee see ee
        Jan.: January
        Feb.: February
        Apr.: April
        Aug.: August
        Sept.: September
        Oct.: October
        Nov.: November
        Dec.: December
        &: and
        +: plus
        =: equals
        ×: times
        ÷: divided by
        ±: plus or minus
        ≈: about
        %: percent
        °C: degrees Celsius
        °F: degrees Fahrenheit
        """
    ),
    phones=words("phone telephone tel tel. fax mobile hotline dial call extension ext."),
    programs=words(
        """
        version versions release v v. python java node.js php ruby perl go rust django rails kubernetes docker android
        ios ipados macos windows linux ubuntu debian fedora chrome firefox safari postgres postgresql mysql http usb
        bluetooth cuda pytorch tensorflow blender unity unreal wordpress drupal typescript ecmascript
        """
    ),
)  # fmt: skip

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)(?!\w)\.?)"
_DAY: Final = "(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR: Final = "(?:1[1-9][0-9]{2}|20[0-9]{2})"
_BEFORE_YEARS: Final = words(
    """
    in since until till from by before after during of year years to and between around circa ca. c. early late mid
    spring summer autumn fall winter class season copyright ©
    """
)
_YEARS_BEFORE: Final = re.compile(rf"(?<![0-9.,]){_YEAR}{SPACE}?[-–]{SPACE}?$")
_YEARS_AFTER: Final = re.compile(rf"(?:{SPACE}?[-–]{SPACE}?| to ){_YEAR}(?![\w.,]*[0-9])|{SPACE}(?:AD|BC|CE|BCE)\b")
_THIS_CENTURY: Final = 70
"""Years of two digits below it are of this century."""
_ERAS: Final = {"AD": "ay dee", "BC": "bee see", "CE": "see ee", "BCE": "bee see ee"}

_HOUR: Final = "(?:[01]?[0-9]|2[0-3]|24(?=:00))"
_HALF: Final = rf"(?:{SPACE}?(?P<half>[aApP])(?:\.[mM]\.|[mM](?!\w)))"
_HALVES: Final = {"a": "ay em", "p": "pee em"}

_MONARCHS: Final = words(
    """
    albert alexander alfonso benedict boniface carl catherine charles christian clement edward elizabeth eric
    ferdinand francis frederick friedrich george gregory gustav harald heinrich henry innocent ivan james john juan
    julius karl leo leopold louis ludwig margaret mary maximilian napoleon nicholas olaf otto paul pedro peter philip
    pius ptolemy ramesses ramses richard robert rudolf sixtus thutmose urban victor wilhelm william xerxes
    """
)
_NUMBERED: Final = words(
    """
    act appendix article book chapter class level part phase psalm section stage type unit volume war
    """
)
_NO_NAMES: Final = words("a an and at by for from he i in it of on or she that the they this to we with you")
_AFTER_THE_FIRST: Final = re.compile(r"\s*(?:[^\w\s]|$|(?:was|of|ruled|reigned|died|became|and|had|in)\b)")


def rules(day_first: bool) -> tuple[Rule, ...]:
    """The rules of English. `day_first`: 3/4/2026 is in April."""
    own = (*address_rules(_LEXICON), *_dates(day_first), *_times(), *_counts())
    return (*own, *shared_rules(_LEXICON), *number_rules(_NUMERALS))


def _dates(day_first: bool) -> tuple[Rule, ...]:
    day = f"(?P<day>{_DAY})(?:st|nd|rd|th)?(?:[-–](?P<last>{_DAY})(?:st|nd|rd|th)?)?"
    year = rf"(?P<comma>,?){SPACE}(?P<year>{_YEAR})"
    end = r"(?![\w:%°]|[.,][0-9])"
    iso = rf"(?P<year>{_YEAR})(?P<sign>[-/])(?P<month>0[1-9]|1[0-2])(?P=sign)(?P<day>{_DAY}){RIGHT}"
    numeric = rf"(?P<first>{_DAY})(?P<sign>[/.-])(?P<second>{_DAY})(?P=sign)"
    short = r"(?=[0-9]+/|[0-9]{2}\.[0-9]{2}\.)"

    def by_number(match: Match) -> Parts:
        first, second = int(match["first"]), int(match["second"])
        dotted = match["sign"] == "."
        day, month = (first, second) if first > 12 or (second <= 12 and (day_first or dotted)) else (second, first)
        return _date(day, month, match["year"], day_first) if month <= 12 else ()

    return (
        rule(iso, lambda m: _date(int(m["day"]), int(m["month"]), m["year"], day_first)),
        rule(rf"{numeric}(?P<year>{_YEAR}){RIGHT}", by_number),
        rule(rf"{short}{numeric}(?P<year>[0-9]{{2}}){RIGHT}", by_number),
        rule(rf"(?P<month>0?[1-9]|1[0-2])/(?P<year>{_YEAR}){RIGHT}", _month_and_year),
        rule(rf"{_MONTH}{SPACE}{day}(?:{year})?{end}", _month_day),
        rule(rf"{day}{SPACE}(?P<of>of{SPACE})?{_MONTH}(?:{year})?{end}", _day_month),
        rule(rf"{_MONTH}{year}{RIGHT}", _month_and_year),
    )


def _times() -> tuple[Rule, ...]:
    minute, end = "(?P<minute>[0-5][0-9])", r"(?![\w:]|[.,][0-9])"
    first = rf"(?P<hour>{_HOUR})(?:[:.]{minute})?(?:{SPACE}?(?P<first_half>[aApP])\.?[mM]\.?)?"
    last = rf"(?P<last_hour>{_HOUR})(?:[:.](?P<last_minute>[0-5][0-9]))?"
    return (
        rule(rf"{first}{DASH}{last}{_HALF}?{end}", _time_span),
        rule(rf"(?P<hour>{_HOUR}):{minute}(?::(?P<second>[0-5][0-9]))?{_HALF}?{end}", _time_of_day),
        rule(rf"(?P<hour>{_HOUR})(?:\.{minute})?{_HALF}", _time_of_day),
    )


def _counts() -> tuple[Rule, ...]:
    """Years, decades, ordinals and Roman numerals."""
    return (
        Rule(re.compile(r"(?<!\w)['’‘](?P<digits>[0-9]0)['’]?s(?!\w)"), _decade),
        rule(r"(?P<digits>[0-9]{2,4})['’]?s(?!\w)", _decade),
        rule(rf"(?P<year>{_YEAR})/(?P<last>{_YEAR}|[0-9]{{2}}){RIGHT}", _years),
        rule(rf"(?P<year>{_YEAR}){RIGHT}", lambda match: [_year(match)] if _is_year(match) else ()),
        rule(rf"(?<=[0-9]{SPACE})(?:{'|'.join(_ERAS)})(?!\w)|AD(?={SPACE}[0-9])", lambda match: [_ERAS[match[0]]]),
        rule(r"(?P<number>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,6})(?:st|nd|rd|th)(?!\w)", _ordinal),
        rule(rf"(?P<name>[A-Z][\w'’]*){SPACE}(?P<roman>[IVX]+)(?!\w)", _numbered),
        Rule(re.compile(rf"(?<=[a-z]{SPACE})St\.(?!{SPACE}[A-Z])"), lambda match: ["street"]),
    )


def _date(day: int, month: int, year: str, day_first: bool) -> Parts:
    number = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < _THIS_CENTURY else 1900)
    named, numbered = _MONTHS[month - 1], _NUMERALS.ordinal(day)
    return [*((f"the {numbered} of", f"{named},") if day_first else (named, f"{numbered},")), _NUMERALS.year(number)]


def _month_day(match: Match) -> Parts:
    """May 3–5, 2024."""
    return [_month(match), f"{_day(match)}{match['comma'] or ''}", *([_year(match)] if match["year"] else [])]


def _day_month(match: Match) -> Parts:
    """3 May 2024, 3rd of May."""
    month = f"{_month(match)}{match['comma'] or ''}"
    has_article = match["of"] or match.string[: match.start()].rstrip().lower().endswith("the")
    return [
        _day(match) if has_article else f"the {_day(match)}",
        *(["of", month] if match["of"] else [f"of {month}"]),
        *([_year(match)] if match["year"] else []),
    ]


def _month_and_year(match: Match) -> Parts:
    return [f"{_month(match)}{match.groupdict().get('comma') or ''}", _year(match)]


def _month(match: Match) -> str:
    if match["month"].isdecimal():
        return _MONTHS[int(match["month"]) - 1]
    return next(month for month in _MONTHS if month.startswith(match["month"][:3]))


def _day(match: Match) -> str:
    last = f" to {_NUMERALS.ordinal(int(match['last']))}" if match["last"] else ""
    return _NUMERALS.ordinal(int(match["day"])) + last


def _year(match: Match) -> str:
    return _NUMERALS.year(int(match["year"]))


def _years(match: Match) -> Parts:
    """2024/25."""
    last = match["last"]
    return [f"{_year(match)} {_NUMERALS.cardinal(last) if len(last) == 2 else _NUMERALS.year(int(last))}"]


def _is_year(match: Match) -> bool:
    before, after = text_before(match), text_after(match)
    alone = before.endswith("(") and after.startswith(")")
    return bool(
        alone or word_before(match) in _BEFORE_YEARS or _YEARS_BEFORE.search(before) or _YEARS_AFTER.match(after)
    )


def _decade(match: Match) -> Parts:
    """The 1990s, the '90s; hundreds and thousands of something."""
    digits = match["digits"]
    if not digits.endswith("0"):
        return ()
    if digits in {"00", "2000"}:
        name = "two thousand"
    elif digits in {"100", "1000"}:
        name = _NUMERALS.cardinal(digits).removeprefix("one ")
    else:
        name = _NUMERALS.year(int(digits)) if len(digits) == 4 else _NUMERALS.cardinal(digits)
    return [f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"]


def _ordinal(match: Match) -> Parts:
    return [_NUMERALS.ordinal(int(match["number"].replace(",", "")))]


def _time_span(match: Match) -> Parts:
    """9:00–17:00, 9–11 a.m.; without minutes and without a half of the day it is no time."""
    half, first_half = match["half"], match["first_half"]
    if not (half or match["minute"] or match["last_minute"]):
        return ()
    first = _time(match["hour"], match["minute"], bool(half or first_half))
    last = _time(match["last_hour"], match["last_minute"], bool(half))
    span = [f"{first} {_HALVES[first_half.lower()]}" if first_half else first, f"to {last}"]
    return [*(span if " " in match[0].rstrip("aApPmM. ") else [" ".join(span)]), *_half(match)]


def _time_of_day(match: Match) -> Parts:
    second = match.groupdict().get("second")
    said = _time(match["hour"], match["minute"], bool(match["half"] or second))
    return [said + (f" and {_NUMERALS.cardinal(str(int(second)))} seconds" if second else ""), *_half(match)]


def _time(hour: str, minute: str | None, plain: bool) -> str:
    """ten oh five; a full hour is "ten o'clock" unless something follows."""
    said = _NUMERALS.cardinal(str(int(hour)))
    if not int(minute or 0):
        return said if plain else f"{said} o'clock"
    return f"{said} {'oh ' if int(minute or 0) < 10 else ''}{_NUMERALS.cardinal(str(int(minute or 0)))}"


def _half(match: Match) -> Parts:
    return [_HALVES[match["half"].lower()]] if match["half"] else []


def _numbered(match: Match) -> Parts:
    """Louis XIV, World War II, Chapter IV."""
    name, number = match["name"], roman(match["roman"])
    monarch, numbered = name.lower() in _MONARCHS, name.lower() in _NUMBERED
    known = monarch or numbered
    if number is None or name.lower() in _NO_NAMES or (len(match["roman"]) == 1 and not known):
        return ()
    if match["roman"] == "I" and monarch and not _AFTER_THE_FIRST.match(text_after(match)):
        return ()
    return [name, f"the {_NUMERALS.ordinal(number)}" if monarch else _NUMERALS.cardinal(str(number))]
