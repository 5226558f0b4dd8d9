"""Text normalisation: what is heard for what is shown, word by word, kind by kind."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.speech.normalise import normalise
from tasks.speech.sentences import is_spoken, split_words

PAGE = Path(__file__).parents[3] / "docs" / "text-normalisation.md"

ENGLISH = """
decades
    the 1990s = the|nineteen nineties
    the '90s and the ’80s = the|nineties|and|the|eighties
    the 2000s, the 2010s = the|two thousands,|the|twenty tens
    mid-1980s = mid-nineteen eighties
    the 1900s and 1850s = the|nineteen hundreds|and|eighteen fifties
    the 1960's style = the|nineteen sixties|style
    1980s–90s = nineteen eighties–nineties
    in her 20s = in|her|twenties
    100s of people = hundreds|of|people
    it took 90 s = it|took|ninety|seconds
    5s = five seconds
dates
    on 2026-11-26 = on|November twenty-sixth, twenty twenty six
    11/26/2026 = November twenty-sixth, twenty twenty six
    26/11/2026 = November twenty-sixth, twenty twenty six
    3.12.2026 = December third, twenty twenty six
    01.02.26 = February first, twenty twenty six
    4/7/26 = April seventh, twenty twenty six
    2026/11/26 = November twenty-sixth, twenty twenty six
    05/2026 = May twenty twenty six
    May 3, 2024 = May|third,|twenty twenty four
    May 3–5, 2024 = May|third to fifth,|twenty twenty four
    Nov. 26th = November|twenty-sixth
    on 3 May 2024 = on|the third|of May|twenty twenty four
    the 3 May 2024 = the|third|of May|twenty twenty four
    3–5 May = the third to fifth|of May
    the 3rd of May = the|third|of|May
    in Dec. 2025 = in|December|twenty twenty five
    you may 3 = you|may|three
years
    in 2023 and 1905 = in|twenty twenty three|and|nineteen oh five
    2023 people = two thousand and twenty three|people
    1990–2000 = nineteen ninety to two thousand
    1939 – 1945 = nineteen thirty nine to|nineteen forty five
    from 1990 to 2000 = from|nineteen ninety|to|two thousand
    the season 2024/25 = the|season|twenty twenty four twenty five
    44 BC, AD 79 = forty four|bee see,|ay dee|seventy nine
    a book (1984) = a|book|(nineteen eighty four)
times
    10:30 a.m. = ten thirty|ay em.
    10:30 a.m. today = ten thirty|ay em|today
    10:05 = ten oh five
    at 14:05 = at|fourteen oh five
    at 5 p.m., 5pm = at|five|pee em,|five pee em
    9.30 am = nine thirty|ay em
    at 10:00 = at|ten o'clock
    9:00–17:00 = nine o'clock to seventeen o'clock
    9–11 a.m. = nine to eleven|ay em.
    9am–5pm = nine ay em to five pee em
    1:30:05 = one thirty and five seconds
ordinals
    the 21st = the|twenty-first
    2nd–3rd = second–third
    her 1,000th = her|one thousandth
    the 3rd, 4th = the|third,|fourth
    an 11th = an|eleventh
roman
    Louis XIV = Louis|the fourteenth
    Henry VIII's wives = Henry|the eighth's|wives
    World War II = World|War|two
    Chapter IV and Part I = Chapter|four|and|Part|one
    Charles I was = Charles|the first|was
    Rocky III = Rocky|three
    Malcolm X = Malcolm|X
    Mary I think = Mary|I|think
    The CD, MIX = The|CD,|MIX
money
    $4.5 million = four point five|million dollars
    $4.50, not $1! = four dollars and fifty cents,|not|one dollar!
    $2bn, $10k = two billion dollars,|ten thousand dollars
    $0.50 or $5.00 = fifty cents|or|five dollars
    €1,299 = one thousand two hundred and ninety nine euros
    £3.50 = three pounds and fifty pence
    EUR 12.5 million = twelve point five|million|euros
    5 € and 5 EUR = five|euros|and|five|euros
    -$5 = minus five dollars
    $5–10 million = five to ten|million dollars
    1 299 € = one thousand two hundred and ninety nine|euros
    $5/month = five dollars per month
phones
    1-800-555 = one, eight zero zero, five five five
    1-800-555-1234 = one, eight zero zero, five five five, one two three four
    555.123.4567 = five five five, one two three, four five six seven
    555-123-4567 = five five five, one two three, four five six seven
    (555) 123-4567 = five five five,|one two three, four five six seven
    +49 89 123456 = plus four nine,|eight nine,|one two three four five six
    089/123456 = zero eight nine, one two three four five six
    0151 2345 678 = zero one five one,|two three four five,|six seven eight
    call 911 now = call|nine one one|now
    call 5 people = call|five|people
units
    100 km = one hundred|kilometers
    1 km = one|kilometer
    5kg = five kilograms
    12% or 12 % = twelve percent|or|twelve|percent
    up 12 %. = up|twelve|percent.
    5–10 % = five to ten|percent
    100 km/h = one hundred|kilometers per hour
    20 °C, 90° = twenty|degrees Celsius,|ninety degrees
    4 m² and 3 m³ = four|square meters|and|three|cubic meters
    5 kWh, 100 Mbit/s = five|kilowatt hours,|one hundred|megabits per second
    16 GB are enough = sixteen|gigabytes|are|enough
no-break
    50_km = fifty kilometers
    12_500_km = twelve thousand five hundred kilometers
    1_299_€ = one thousand two hundred and ninety nine euros
    Dr._Smith, e._g. = doctor Smith,|for example.
    10:30_a.m. = ten thirty ay em.
    12_%, $4.5_million = twelve percent,|four point five million dollars
abbreviations
    Dr. Smith vs. Mr. Jones = doctor|Smith|versus|mister|Jones
    No. 5, no. = number|five,|no.
    e.g. this, i.e. that = for example|this,|that is|that
    St. Mark on Main St. = saint|Mark|on|Main|street.
    pp. 5–7, fig. 3 = pages|five to seven,|figure|three
    bread & butter (3) = bread|and|butter|(three)
    etc. = et cetera.
fractions
    1/2 = one half
    3/4 cup = three quarters|cup
    ½ and ⅔ = one half|and|two thirds
    2½ or 2 1/2 = two and a half|or|two|and a half
    24/7 = twenty four seven
    3 3/4 = three and|three quarters
versions
    Python 3.11 = Python|three point eleven
    version 2.0 = version|two point zero
    3.11 % = three point one one|percent
    1.2.3 = one point two point three
    192.168.0.1 = one nine two dot one six eight dot zero dot one
signs
    -5 degrees = minus five|degrees
    −5 °C = minus five|degrees Celsius
    covid-19 = covid-nineteen
    it ended 3:1 = it|ended|three to one
    16:9 = sixteen to nine
    § 5, §§ 5–7 = section|five,|sections|five to seven
    so – 5 = so –|five
    pages 10–12 = pages|ten to twelve
    5 + 3 = five|plus|three
    2 × 3 = two times|three
addresses
    https://example.com/course = example dot com
    www.example.com/a = example dot com
    HTTPS://Example.com or WWW.Example.com = Example dot com|or|Example dot com
    see http://192.168.0.1/x = see|one nine two dot one six eight dot zero dot one
    example.co.uk = example dot co dot U K
    info@example.com = info at example dot com
    a.b-c@bbc.de = a dot B hyphen C at B B C dot D E
    (www.my-site.org) = (my hyphen site dot org)
numbers
    1,234,567 items = one million two hundred and thirty four thousand five hundred and sixty seven|items
    007 = zero zero seven
    12,5 = twelve point five
    1,2,3 = one, two, three
    H2O, 3D, 5G = H2O,|3D,|5G
    H.264 and 3.txt = H.264|and|3.txt
    UTF-8 = UTF-eight
    a 5-year-old = a|five-year-old
"""

GERMAN = """
dates
    Am 26.11.2026 = Am|sechsundzwanzigsten November zweitausendsechsundzwanzig
    der 3.12.2026 = der|dritte Dezember zweitausendsechsundzwanzig
    seit 01.02.26 = seit|ersten Februar zweitausendsechsundzwanzig
    am 3. 12. 2026 = am|dritten|Dezember|zweitausendsechsundzwanzig
    vom 26.11.–3.12.2026 = vom|sechsundzwanzigsten November bis dritten Dezember zweitausendsechsundzwanzig
    am 2026-11-26 = am|sechsundzwanzigsten November zweitausendsechsundzwanzig
    am 11/26/2026 = am|sechsundzwanzigsten November zweitausendsechsundzwanzig
    bis zum 26.11. da = bis|zum|sechsundzwanzigsten November|da
    am 3.11 da = am|dritten November|da
    26.11.2026 = sechsundzwanzigste November zweitausendsechsundzwanzig
    05/2026 = Mai zweitausendsechsundzwanzig
    Am 3. Mai 2023 = Am|dritten|Mai|zweitausenddreiundzwanzig
    am Montag, 3. Okt. 1998 = am|Montag,|dritten|Oktober|neunzehnhundertachtundneunzig
ordinals
    im 3. Stock am Markt = im|dritten|Stock|am|Markt
    der 2. Tag = der|zweite|Tag
    in der 2. Klasse = in|der|zweiten|Klasse
    Das Ziel der 2. Runde = Das|Ziel|der|zweiten|Runde
    den 1. Platz = den|ersten|Platz
    das 5. Mal = das|fünfte|Mal
    ein 2. Versuch, ein 2. Kind = ein|zweiter|Versuch,|ein|zweites|Kind
    eine 2. Chance = eine|zweite|Chance
    am 3. und 4. Mai = am|dritten|und|vierten|Mai
    vom 3.–5. Mai = vom|dritten bis fünften|Mai
    Wir kommen am 3. = Wir|kommen|am|dritten.
    Das ist Kapitel 3. = Das|ist|Kapitel|drei.
    im 16. Jh. n. Chr. = im|sechzehnten|Jahrhundert|nach|Christus.
roman
    Ludwig XIV. war König = Ludwig|der Vierzehnte|war|König
    unter Ludwig XIV. = unter|Ludwig|dem Vierzehnten.
    die Zeit Ludwigs XIV. = die|Zeit|Ludwigs|des Vierzehnten.
    für Kaiser Karl V. = für|Kaiser|Karl|den Fünften.
    von Elisabeth II. = von|Elisabeth|der Zweiten.
    Kapitel IV = Kapitel|vier
    im XX. Jahrhundert = im|zwanzigsten|Jahrhundert
    der II. Weltkrieg = der|zweite|Weltkrieg
    im I. Quartal = im|ersten|Quartal
    I. Kant und Karl X. Meier = I.|Kant|und|Karl|der Zehnte|Meier
decades
    die 90er = die|neunziger
    die 1990er-Jahre = die|neunzehnhundertneunziger Jahre
    in den 1990er Jahren = in|den|neunzehnhundertneunziger|Jahren
    in den ’80ern = in|den|achtzigern
    die 2000er = die|zweitausender
    eine 10er-Karte = eine|zehner-Karte
years
    seit 1984 = seit|neunzehnhundertvierundachtzig
    1299 Leute = eintausendzweihundertneunundneunzig|Leute
    1990–2000 = neunzehnhundertneunzig bis zweitausend
    1990 bis 2000 = neunzehnhundertneunzig|bis|zweitausend
    2024/25 = zweitausendvierundzwanzig fünfundzwanzig
    Rom (1871) = Rom|(achtzehnhunderteinundsiebzig)
times
    um 10:30 Uhr = um|zehn|Uhr dreißig
    um 9.30 Uhr = um|neun|Uhr dreißig
    um 10:30 da = um|zehn Uhr dreißig|da
    um 1 Uhr, um 10 Uhr = um|ein|Uhr,|um|zehn|Uhr
    14:05 = vierzehn Uhr fünf
    9–17 Uhr = neun bis siebzehn|Uhr
    9.30–11.00 Uhr = neun Uhr dreißig bis elf|Uhr
    10:30:15 = zehn Uhr dreißig und fünfzehn Sekunden
money
    4,5 Mio. € = vier Komma fünf|Millionen|Euro
    2 Millionen € = zwei|Millionen|Euro
    EUR 12,5 Mio. mehr = zwölf Komma fünf|Millionen|Euro|mehr
    1 299 € = eintausendzweihundertneunundneunzig|Euro
    19,99 € = neunzehn|Euro neunundneunzig
    1.299,00 EUR = eintausendzweihundertneunundneunzig|Euro
    1 €, 0,50 € = ein|Euro,|fünfzig|Cent
    5,- € und 5,– € = fünf|Euro|und|fünf|Euro
    1 Mio. Menschen = eine|Million|Menschen
    50 €/Monat = fünfzig|Euro pro Monat
    $4.50 = vier Dollar fünfzig
units
    50 km, 1 km = fünfzig|Kilometer,|ein|Kilometer
    1 h, 3 Std. Fahrt = eine|Stunde,|drei|Stunden|Fahrt
    5 km/h = fünf|Kilometer pro Stunde
    -5 °C = minus fünf|Grad Celsius
    50 m² und 3 m³ = fünfzig|Quadratmeter|und|drei|Kubikmeter
    5–10 % = fünf bis zehn|Prozent
    100%ig = einhundertprozentig
    5-jährig, 3fach, 3-mal = fünfjährig,|dreifach,|dreimal
no-break
    50_km = fünfzig Kilometer
    um 10:30_Uhr am 3._Mai = um|zehn Uhr dreißig|am|dritten Mai
    d._h._bald = das heißt bald
    1_299_€ = eintausendzweihundertneunundneunzig Euro
    z._B. 5_% = zum Beispiel|fünf Prozent
    Nr._5 = Nummer fünf
abbreviations
    z. B. 12 % = zum|Beispiel|zwölf|Prozent
    z.B. hier, d.h. da = zum Beispiel|hier,|das heißt|da
    Herr Dr. Müller, Nr. 5 = Herr|Doktor|Müller,|Nummer|fünf
    in St. Gallen, Hauptstr. 7 = in|Sankt|Gallen,|Hauptstraße|sieben
    i. d. R. ca. 5 = in|der|Regel|circa|fünf
    inkl. MwSt. = inklusive|Mehrwertsteuer.
    S. 12, Abb. 3 = Seite|zwölf,|Abbildung|drei
phones
    +49 89 123456 = plus vier neun,|acht neun,|eins zwei drei vier fünf sechs
    089/123456 = null acht neun, eins zwei drei vier fünf sechs
    0151 23456789 = null eins fünf eins,|zwei drei vier fünf sechs sieben acht neun
    Tel. 123456 = Telefon|eins zwei drei vier fünf sechs
    (089) 123456 = null acht neun,|eins zwei drei vier fünf sechs
fractions
    1/2, 2/3 = ein halb,|zwei Drittel
    3/4 = drei Viertel
    1½ und 2½ = eineinhalb|und|zweieinhalb
    2 3/4, 2 1/2 = zwei|drei Viertel,|zwei|einhalb
    24/7 = vierundzwanzig sieben
versions
    Python 3.11 = Python|drei Punkt elf
    1.2.3 = eins Punkt zwei Punkt drei
    Kapitel 3.2 = Kapitel|drei Punkt zwei
    192.168.0.1 = eins neun zwei Punkt eins sechs acht Punkt null Punkt eins
    3.500 Stück = dreitausendfünfhundert|Stück
signs
    § 5 Abs. 2 = Paragraf|fünf|Absatz|zwei
    §§ 5–7 = Paragrafen|fünf bis sieben
    Es steht 3:1 = Es|steht|drei zu eins
    5–7 Tage = fünf bis sieben|Tage
    -5 = minus fünf
    5 + 3 = fünf|plus|drei
numbers
    1.234 Gäste = eintausendzweihundertvierunddreißig|Gäste
    1 Hund, Seite 1 = ein|Hund,|Seite|eins
    Kapitel 1 beginnt = Kapitel|eins|beginnt
    3,14 = drei Komma eins vier
    007 = null null sieben
    www.example.de, a@b.com = example Punkt D E,|a ät B Punkt com
"""


def examples(text: str) -> list[tuple[str, str]]:
    """Pairs of what is shown and what is said; an underline stands for a no-break space."""
    pairs = [re.split(r" = (?=[^=]*$)", line.strip()) for line in text.splitlines() if line.startswith(" ")]
    return [(shown.replace("_", "\u202f"), said) for shown, said in pairs]


@pytest.mark.parametrize(("shown", "said"), examples(ENGLISH))
def test_english(shown: str, said: str) -> None:
    assert "|".join(normalise(split_words(shown), "en-us")) == said


@pytest.mark.parametrize(("shown", "said"), examples(GERMAN))
def test_german(shown: str, said: str) -> None:
    assert "|".join(normalise(split_words(shown), "de")) == said


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("en", "March fourth, twenty twenty six"),
        ("en-us", "March fourth, twenty twenty six"),
        ("en_GB", "the third of April, twenty twenty six"),
        ("en-gb-x-rp", "the third of April, twenty twenty six"),
        ("en-AU", "the third of April, twenty twenty six"),
    ],
)
def test_the_day_goes_first_where_it_does(tag: str, said: str) -> None:
    assert normalise(("3/4/2026",), tag) == (said,)


@pytest.mark.parametrize(
    ("shown", "said", "language"),
    [
        ("25 كتابا.", "25|كتابا.", "ar"),
        ("50\u00a0km 3.\u202fMai", "50 km|3. Mai", "fr"),
        ("\u200e+49 89 123456", "+49|89|123456", "ar"),
        ("Voir https://www.example.com/cours, 5", "Voir|example.com,|5", "fr"),
    ],
)
def test_other_languages_are_left_to_the_voice(shown: str, said: str, language: str) -> None:
    assert "|".join(normalise(split_words(shown), language)) == said


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("He said. 😀", "He|said."),
        ("I ❤️ this 👩🏽‍🏫 course", "I|this|course"),
        ("👍🏿 Great 🎉 job", "Great|job"),
        ("1️⃣ First 🇩🇪 of 5", "First|of|five"),
        ("Go🏴󠁧󠁢󠁥󠁮󠁧󠁿 on ✔︎ ☎️", "Go|on"),
        ("👨‍👩‍👧‍👦 We ™ all ©️", "We|all"),
        ("20 ℃ № 5", "twenty|degrees Celsius|number|five"),
    ],
)
def test_no_part_of_an_emoji_is_read_out(shown: str, said: str) -> None:
    assert "|".join(normalise(split_words(shown), "en")) == said


def rows() -> list[tuple[str, str, str]]:
    """The tables of the documentation: language, shown, heard."""
    language, found = "", []
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            language = {"English": "en-us", "German": "de"}.get(line[3:], "")
        elif language and (match := re.fullmatch(r"\|[^|]*\| `(.*?)` \| (.*?) \|", line)):
            found.append((language, match[1], match[2]))
    return found


@pytest.mark.parametrize(("language", "shown", "said"), rows())
def test_the_documentation_says_what_is_heard(language: str, shown: str, said: str) -> None:
    assert " ".join(normalise(split_words(shown), language)).removesuffix(".") == said


@given(st.sampled_from([shown for shown, _ in examples(ENGLISH + GERMAN)]), st.sampled_from(["en", "de"]))
def test_what_is_read_is_the_same_with_no_break_spaces(shown: str, language: str) -> None:
    words = split_words(shown.replace("\u202f", " "))
    (together,) = normalise(("\u00a0".join(words),), language)
    assert together.replace(" ", "") == "".join(normalise(words, language)).replace(" ", "")


@given(st.lists(st.text(max_size=12), max_size=6), st.sampled_from(["en", "de", "he"]))
def test_every_word_is_read_as_something(texts: list[str], language: str) -> None:
    words = split_words(" ".join(texts))
    read = normalise(words, language)
    assert len(read) == len(words)
    assert all(is_spoken(text) for text in read if text.isascii())
    assert all(read)


@given(st.from_regex(r"[$€£(]?[-−]?[0-9]{1,20}([.,:/–-][0-9]{1,4}){0,3}(%|€|km|st|th|M|bn|\.|,|\))?", fullmatch=True))
def test_no_number_is_too_strange(number: str) -> None:
    for language in ("en", "de"):
        assert normalise((number, "x"), language)[0]
