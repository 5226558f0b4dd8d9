"""German: how its numbers, dates, times, units and abbreviations are read."""

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

_NUMERALS: Final = Numerals(code="de", decimal=",", foreign=".", point="Komma", thousands=".'’\u00a0", minus="minus")

_LEXICON: Final = Lexicon(
    numerals=_NUMERALS,
    to="bis",
    score="zu",
    one="ein",
    feminine_one="eine",
    feminine=("e", "ion"),
    signs={
        ".": "Punkt", "..": "Punkt", "-": "Bindestrich", "_": "Unterstrich", "@": "ät",
        "+": "plus", "−": "minus", "=": "gleich", "×": "mal", "÷": "geteilt durch",
    },
    currencies={
        "$": ("Dollar", "Dollar", "Cent"), "US$": ("US-Dollar", "US-Dollar", "Cent"),
        "USD": ("US-Dollar", "US-Dollar", "Cent"),
        "€": ("Euro", "Euro", "Cent"), "EUR": ("Euro", "Euro", "Cent"),
        "£": ("Pfund", "Pfund", "Pence"), "GBP": ("Pfund", "Pfund", "Pence"),
        "¥": ("Yen", "Yen", ""), "JPY": ("Yen", "Yen", ""),
        "₹": ("Rupie", "Rupien", ""), "INR": ("Rupie", "Rupien", ""),
        "CHF": ("Schweizer Franken", "Schweizer Franken", "Rappen"), "Fr.": ("Franken", "Franken", "Rappen"),
    },
    cents="",
    magnitudes=counted(
        """
        Tsd., Tsd, tausend: tausend
        Mio., Mio, Million, Millionen: Million / Millionen
        Mrd., Mrd, Milliarde, Milliarden: Milliarde / Milliarden
        Bio., Billion, Billionen: Billion / Billionen
        """
    ),
    units=counted(
        """
        %: Prozent
        ‰: Promille
        °: Grad
        °C, ℃: Grad Celsius
        °F, ℉: Grad Fahrenheit
        km: Kilometer
        m: Meter
        cm: Zentimeter
        mm: Millimeter
        µm, μm: Mikrometer
        nm: Nanometer
        m/s²: Meter pro Quadratsekunde
        ha: Hektar
        t: Tonne / Tonnen
        kg: Kilogramm
        g: Gramm
        mg: Milligramm
        l, L: Liter
        ml: Milliliter
        h, Std., Std: Stunde / Stunden
        min, min., Min., Min: Minute / Minuten
        s, Sek., sek., Sek: Sekunde / Sekunden
        ms: Millisekunde / Millisekunden
        Hz: Hertz
        kHz: Kilohertz
        MHz: Megahertz
        GHz: Gigahertz
        kB, KB: Kilobyte
        MB: Megabyte
        GB: Gigabyte
        TB: Terabyte
        kbit: Kilobit
        Mbit: Megabit
        Gbit: Gigabit
        W: Watt
        kW: Kilowatt
        MW: Megawatt
        Wh: Wattstunde / Wattstunden
        kWh: Kilowattstunde / Kilowattstunden
        V: Volt
        mA: Milliampere
        kcal: Kilokalorie / Kilokalorien
        PS: PS
        hPa: Hektopascal
        bar: Bar
        dB: Dezibel
        px: Pixel
        """
    ),
    powers={"²": "Quadrat", "³": "Kubik"},
    per="pro",
    per_what=words("Sekunde Minute Stunde Tag Woche Monat Jahr Person Kopf Nutzer Stück Nacht km kg m²"),
    parts={
        2: ("halb", "halbe"), 3: ("Drittel", "Drittel"), 4: ("Viertel", "Viertel"), 5: ("Fünftel", "Fünftel"),
        6: ("Sechstel", "Sechstel"), 7: ("Siebtel", "Siebtel"), 8: ("Achtel", "Achtel"), 9: ("Neuntel", "Neuntel"),
        10: ("Zehntel", "Zehntel"), 12: ("Zwölftel", "Zwölftel"), 16: ("Sechzehntel", "Sechzehntel"),
        20: ("Zwanzigstel", "Zwanzigstel"), 100: ("Hundertstel", "Hundertstel"),
    },
    and_part="",
    and_half="einhalb",
    names=table(
        """
        Dr.: Doktor
        Prof.: Professor
        Hr. ^: Herr
        Hrn. ^: Herrn
        Fr. ^: Frau
        St. ^: Sankt
        Fa.: Firma
        Fam.: Familie
        Nr. #, № #, # #: Nummer
        Nrn. #: Nummern
        Str.: Straße
        Hbf.: Hauptbahnhof
        Tel.: Telefon
        S. #: Seite
        Kap. #: Kapitel
        Abb. #: Abbildung
        Tab. #: Tabelle
        Bd. #: Band
        Art. #: Artikel
        Abs. #: Absatz
        § #: Paragraf
        §§ #: Paragrafen
        Aufl.: Auflage
        Hrsg.: Herausgeber
        Jh., Jhd., Jhdt.: Jahrhundert
        Jhs., Jh.s: Jahrhunderts
        n. Chr., n. u. Z.: nach Christus
        v. Chr., v. u. Z.: vor Christus
        Tsd.: tausend
        Mio., Mio: Millionen
        Mrd., Mrd: Milliarden
        MwSt.: Mehrwertsteuer
        z. B.: zum Beispiel
        d. h.: das heißt
        d. i.: das ist
        u. a.: unter anderem
        v. a.: vor allem
        z. T.: zum Teil
        z. Zt., z. Z.: zur Zeit
        u. U.: unter Umständen
        u. Ä.: und Ähnliches
        o. Ä.: oder Ähnliches
        u. v. m.: und vieles mehr
        i. d. R.: in der Regel
        i. A.: im Auftrag
        m. E.: meines Erachtens
        s. o.: siehe oben
        s. u.: siehe unten
        a. D.: außer Dienst
        e. V.: eingetragener Verein
        usw.: und so weiter
        usf.: und so fort
        etc.: et cetera
        bzw.: beziehungsweise
        bspw.: beispielsweise
        ca.: circa
        inkl.: inklusive
        exkl.: exklusive
        zzgl.: zuzüglich
        evtl.: eventuell
        ggf.: gegebenenfalls
        vgl.: vergleiche
        sog.: sogenannte
        gem.: gemäß
        lt.: laut
        max.: maximal
        mind.: mindestens
        geb.: geboren
        gest.: gestorben
        Jan.: Januar
        Feb., Febr.: Februar
        Apr.: April
        Aug.: August
        Sept., Sep.: September
        Okt.: Oktober
        Nov.: November
        Dez.: Dezember
        &: und
        +: plus
        =: gleich
        ×: mal
        ÷: geteilt durch
        ±: plus minus
        ≈: etwa
        %: Prozent
        °C: Grad Celsius
        """
    ),
    phones=words(
        """
        telefon tel tel. fax mobil handy hotline durchwahl rufnummer telefonnummer notruf wählen wählt wähle
        """
    ),
    programs=words(
        """
        version versionen release v v. python java node.js php ruby perl go rust django rails kubernetes docker
        android ios ipados macos windows linux ubuntu debian fedora chrome firefox safari postgres postgresql mysql
        http usb bluetooth cuda pytorch tensorflow blender unity unreal wordpress drupal typescript ecmascript
        """
    ),
)  # fmt: skip

MONTHS: Final = (
    "Januar", "Februar", "März", "April", "Mai", "Juni",
    "Juli", "August", "September", "Oktober", "November", "Dezember",
)  # fmt: skip
_MONTHS_BEFORE_YEARS: Final = frozenset(month.lower() for month in MONTHS) | words(
    "jan jan. feb feb. febr. mär mär. apr apr. jun jun. jul jul. aug aug. sep sep. sept sept. okt okt. nov. dez dez."
)
_DAY: Final = "(?P<day>0?[1-9]|[12][0-9]|3[01])"
_MONTH: Final = "(?P<month>0?[1-9]|1[0-2])"
_YEAR: Final = "(?P<year>1[1-9][0-9]{2}|20[0-9]{2})"
_HOUR: Final = "(?:[01]?[0-9]|2[0-4])"
_THIS_CENTURY: Final = 70
"""Years of two digits below it are of this century."""

_BEFORE_YEARS: Final = words(
    """
    jahr jahre jahres jahren im in seit bis von um ab nach vor anfang mitte ende zwischen circa ca. etwa jahrgang
    frühling frühjahr sommer herbst winter saison ©
    """
)
_YEARS_BEFORE: Final = re.compile(r"(?<![0-9.,])(?:1[1-9]|20)[0-9]{2} ?(?:[-–/]|und|bis|oder) ?$")
_YEARS_AFTER: Final = re.compile(r" ?(?:[-–]|bis|und|oder) ?(?:1[1-9]|20)[0-9]{2}(?![\w.,]*[0-9])| [nv]\. ?(?:Chr|u)\.")

# An ordinal's ending, by the word before it.
_TAKES_N: Final = words(
    """
    am im vom zum beim zur dem den des einem einer eines einen keinem keiner keines keinen ab bis seit nach vor unterm
    diesem diesen jedem jeden jenem jenen welchem welchen aller allen beiden letzten ersten nächsten
    meinem meinen meiner meines deinem deinen deiner deines seinem seinen seiner seines
    ihrem ihren ihrer ihres unserem unseren unserer unseres eurem euren eurer eures
    """
)
_TAKES_R: Final = words("ein kein mein dein sein ihr unser euer in")
_NEUTER: Final = words(
    """
    mal kind jahr jahrhundert jahrzehnt buch haus kapitel semester quartal halbjahr tor leben gebot stockwerk treffen
    spiel team ziel beispiel bild video thema wort lied album rennen finale viertel drittel schuljahr lebensjahr
    gesetz
    """
)
_BEFORE_DATIVE: Final = words(
    """
    in an auf mit von bei nach aus zu vor unter über zwischen seit gegenüber hinter neben ab während wegen trotz statt
    innerhalb außerhalb laut gemäß und
    """
)
_COORDINATED: Final = re.compile(
    r"(?:[0-9IVX]{1,5}\. ?(?:[0-9]{1,2}\.)?(?:[0-9]{2,4})? ?(?:[-–/,]|bis|und|oder|sowie) ?)+$"
)
_WEEKDAY: Final = re.compile(r"\b(?:Montag|Dienstag|Mittwoch|Donnerstag|Freitag|Samstag|Sonnabend|Sonntag)s?,? $")
_ENDS_WITH_ORDINAL: Final = words("am vom zum beim dem den des der zur im")

MONARCHS: Final = words(
    """
    albert alexander alfons benedikt bonifatius christian clemens eduard erich ferdinand franz friedrich georg gregor
    gustav harald heinrich innozenz iwan jakob johann johannes joseph julius karl konrad leo leopold ludwig maximilian
    napoleon nikolaus olaf otto paul peter philipp pius ptolemäus ramses richard rudolf sixtus urban viktor wilhelm
    xerxes
    """
)
QUEENS: Final = words("beatrix elisabeth katharina kleopatra margarethe maria viktoria")
_TITLES: Final = words(
    """
    könig königs königin kaiser kaisers kaiserin papst papstes zar zaren zarin herzog fürst prinz graf
    """
)
_NUMBERED: Final = words(
    """
    abbildung absatz akt artikel aufgabe band blatt buch etage gleis kapitel klasse lektion linie nummer nr. option
    paragraf phase platz punkt raum regel satz schritt seite stufe tabelle tag teil typ version zeile zimmer haus
    level
    """
)

# After "3.", a capital begins a noun ("3. Stock"); one of these begins a sentence.
BEGINS_SENTENCE: Final = words(
    """
    der die das den dem des ein eine einen einem einer eines ich du er sie es wir ihr man wer was wen wem wo wann
    warum wie wieso woher wohin welche welcher welches und oder aber denn doch sondern also dann danach dort da hier
    hierzu heute morgen gestern jetzt nun nur noch so in im an am auf aus bei beim mit nach seit von vom vor zu zum
    zur für durch gegen ohne um über unter zwischen wenn weil als ob obwohl nachdem bevor während dies diese dieser
    dieses diesen diesem jeder jede jedes alle alles viele einige manche mein meine dein deine sein seine unser unsere
    euer eure kein keine nicht auch schon sehr ja nein bitte danke vielleicht leider natürlich zuerst zuletzt
    schließlich außerdem deshalb darum daher trotzdem ist sind war waren wird werden hat haben hatte kann können soll
    sollen muss müssen darf will wollen
    """
)


def rules() -> tuple[Rule, ...]:
    """The rules of German."""
    one = rule(rf"1(?={SPACE}[A-ZÄÖÜ])", lambda match: [] if word_before(match) in _NUMBERED else ["ein"])
    own = (*address_rules(_LEXICON), *_dates(), *_times(), *_counts())
    return (*own, *shared_rules(_LEXICON), one, *number_rules(_NUMERALS))


def _dates() -> tuple[Rule, ...]:
    short_year = f"(?:{_YEAR}|(?P<short_year>[0-9]{{2}}))"
    return (
        rule(rf"{_DAY}\.{SPACE}?{_MONTH}\.{SPACE}?{short_year}{RIGHT}", _date),
        rule(rf"{_DAY}\.{SPACE}?{_MONTH}\.(?![0-9])", _date),
        rule(
            rf"{_DAY}\.{_MONTH}{RIGHT}", lambda match: _date(match) if word_before(match) in _ENDS_WITH_ORDINAL else ()
        ),
        rule(rf"{_YEAR}(?P<sign>[-/])(?P<month>0[1-9]|1[0-2])(?P=sign){_DAY}{RIGHT}", _date),
        rule(rf"{_DAY}(?P<sign>[/-]){_MONTH}(?P=sign){short_year}{RIGHT}", _date),
        rule(rf"{_MONTH}(?P<sign>[/-]){_DAY}(?P=sign){_YEAR}{RIGHT}", _date),
        rule(rf"{_MONTH}/{_YEAR}{RIGHT}", lambda match: [_month(match), _year(match)]),
    )


def _times() -> tuple[Rule, ...]:
    minute, end = "(?P<minute>[0-5][0-9])", r"(?![\w:]|[.,][0-9])"
    later = rf"{DASH}{_HOUR}(?:[.:][0-5][0-9])?{SPACE}?Uhr"
    return (
        rule(rf"(?P<hour>{_HOUR})[.:]{minute}{SPACE}?(?:Uhr|h)(?!\w)", _time),
        rule(rf"(?P<hour>{_HOUR})[.:]{minute}(?={later})", _time),
        rule(rf"(?P<hour>{_HOUR}):{minute}(?::(?P<second>[0-5][0-9]))?{end}", _time),
        rule(rf"1{SPACE}Uhr(?!\w)", lambda match: ["ein", "Uhr"]),
    )


def _counts() -> tuple[Rule, ...]:
    """Decades, years, ordinals, Roman numerals, and compounds with a number."""
    many = "fach|mal|(?:jähr|täg|stünd|minüt|monat|wöch|köpf|teil|stell|stöck|prozent|seit|spur|stuf)ig"
    return (
        rule(r"['’‘]?(?P<digits>[0-9]{1,4})er(?P<ending>n?)(?:-(?=Jahr)|(?!\w))", _decade),
        rule(rf"(?P<digits>[0-9]+)-?(?P<rest>(?:{many})\w*)", lambda match: [_stem(match["digits"]) + match["rest"]]),
        rule(rf"(?P<digits>[0-9]+){SPACE}?%-?(?P<rest>ig\w*)", lambda m: [f"{_stem(m['digits'])}prozent{m['rest']}"]),
        rule(r"(?P<digits>[0-9]+)x(?!\w)", lambda match: [f"{_stem(match['digits'])}mal"]),
        rule(rf"{_YEAR}/(?P<last>[0-9]{{2}}){RIGHT}", lambda m: [f"{_year(m)} {_NUMERALS.cardinal(m['last'])}"]),
        rule(f"{_YEAR}{RIGHT}", lambda match: [_year(match)] if _is_year(match) else ()),
        rule(rf"(?P<name>[A-ZÄÖÜ]\w*){SPACE}(?P<roman>[IVX]+)(?!\w)(?P<stop>\.?)", _numbered),
        rule(r"(?P<roman>[IVX]+)\.(?=[ \u00a0–-])", _roman_ordinal),
        rule(r"(?P<digits>[0-9]{1,3})\.(?![0-9])", lambda match: _ordinal(match, int(match["digits"]))),
        Rule(re.compile(r"(?<=\w)str\.(?!\w)"), lambda match: ["straße"]),
    )


def _date(match: Match) -> Parts:
    """26.11.2026, 3.12., 2026-11-26."""
    if word_before(match) in _LEXICON.programs:
        return ()
    groups = match.groupdict()
    parts = [_inflected(int(groups["day"]), match), _month(match)]
    if groups.get("year"):
        parts.append(_year(match))
    elif groups.get("short_year"):
        year = int(groups["short_year"])
        parts.append(_NUMERALS.year(year + (2000 if year < _THIS_CENTURY else 1900)))
    return parts


def _month(match: Match) -> str:
    return MONTHS[int(match["month"]) - 1]


def _year(match: Match) -> str:
    return _NUMERALS.year(int(match["year"]))


def _is_year(match: Match) -> bool:
    before, after = text_before(match), text_after(match)
    alone = before.endswith("(") and after.startswith(")")
    known = word_before(match) in _BEFORE_YEARS | _MONTHS_BEFORE_YEARS
    return bool(alone or known or _YEARS_BEFORE.search(before) or _YEARS_AFTER.match(after))


def _time(match: Match) -> Parts:
    """10:30 Uhr: zehn Uhr dreißig."""
    hour = "ein" if int(match["hour"]) == 1 else _NUMERALS.cardinal(str(int(match["hour"])))
    minute, second = int(match["minute"]), match.groupdict().get("second")
    parts = [hour, "Uhr", *([_NUMERALS.cardinal(str(minute))] if minute or second else [])]
    return [*parts, f"und {_NUMERALS.cardinal(str(int(second)))} Sekunden"] if second else parts


def _decade(match: Match) -> Parts:
    """90er, 1990er-Jahre."""
    digits = match["digits"]
    name = _NUMERALS.year(int(digits)) if len(digits) == 4 else _NUMERALS.cardinal(digits)
    return [f"{name}er{match['ending']}" + (" " if match[0].endswith("-") else "")]


def _stem(digits: str) -> str:
    """A number at the beginning of a word: "ein-", "drei-"."""
    return "ein" if digits == "1" else _NUMERALS.cardinal(digits)


def _ordinal(match: Match, number: int | None) -> Parts:
    """3. Stock; at the end of a sentence only after a word that an ordinal follows."""
    after = text_after(match)
    goes_on = re.match(r"[ –/-]|,", after) and after.strip("\"'“”‘’«»‹›)] ")
    previous = word_before(match)
    if number is None or previous in _NUMBERED or not (goes_on or previous in _ENDS_WITH_ORDINAL):
        return ()
    return [_inflected(number, match)]


def _roman_ordinal(match: Match) -> Parts:
    """Der II. Weltkrieg. A single letter is an initial ("I. Kant"), except after an article or a preposition."""
    known = word_before(match) in _TAKES_N | {"der", "die", "das"}
    return _ordinal(match, roman(match["roman"])) if known or len(match["roman"]) > 1 else ()


def _inflected(number: int, match: Match) -> str:
    """An ordinal with the ending that the words before it ask for; the plain form where they do not tell."""
    before = _WEEKDAY.sub("", _COORDINATED.sub("", text_before(match)))
    return _NUMERALS.ordinal(number) + _ending(before, text_after(match))


def _ending(before: str, after: str) -> str:
    earlier, previous = ["", "", *before.split()][-2:]
    word = previous.lower().strip('(„"»')
    if word == "der":
        of_a_noun = earlier[:1].isupper() and earlier[-1:].isalpha() and earlier.lower() not in BEGINS_SENTENCE
        return "n" if of_a_noun or earlier.lower() in _BEFORE_DATIVE else ""
    if word in _TAKES_N:
        return "n"
    if word in _TAKES_R:
        noun = re.match(r"\s*(\w+)", after)
        return "s" if noun and noun[1].lower() in _NEUTER else "r"
    return ""


def _numbered(match: Match) -> Parts:
    """Ludwig XIV., Kapitel IV; "im XX. Jahrhundert" is an ordinal."""
    name, number = match["name"], roman(match["roman"])
    bare = name.lower()
    genitive = bare not in MONARCHS | QUEENS and bare.removesuffix("s") in MONARCHS | QUEENS
    monarch = genitive or bare in MONARCHS | QUEENS
    if (
        number is None
        or bare in BEGINS_SENTENCE
        or (len(match["roman"]) == 1 and not monarch and bare not in _NUMBERED)
    ):
        return ()
    if not monarch:
        stop = "." if match["stop"] and text_after(match).strip() else ""
        return [name, _NUMERALS.cardinal(str(number)) + stop]
    article, ending = _article(text_before(match), bare.removesuffix("s" if genitive else "") in QUEENS, genitive)
    return [name, f"{article} {_NUMERALS.ordinal(number).capitalize()}{ending}"]


def _article(before: str, queen: bool, genitive: bool) -> tuple[str, str]:
    """The article between a monarch's name and number, and the ending of the number."""
    earlier = [word.lower() for word in before.split() if word.lower() not in _TITLES]
    previous = earlier[-1] if earlier else ""
    dative = previous in words("von mit bei unter nach zu aus seit vor neben gegenüber")
    accusative = previous in words("für durch gegen ohne um")
    if queen:
        return ("der", "n") if dative or genitive else ("die", "")
    if genitive:
        return "des", "n"
    return ("dem", "n") if dative else ("den", "n") if accusative else ("der", "")
