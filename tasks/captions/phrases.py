"""Where a line may end: how much a break after a word hurts the reader.

From best to worst: after a sentence, after a clause, before a conjunction, before a preposition, anywhere else; and
never between an article and its noun, nor inside a number or a name (the broadcasters' common guideline).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from tasks.speech.sentences import is_unspaced


class Break(IntEnum):
    """The places for a break; the number is what it costs."""

    SENTENCE = 0
    CLAUSE = 2
    CONJUNCTION = 5
    PREPOSITION = 7
    PHRASE = 10
    LOOSE = 16
    NEVER = 100


_SENTENCE_ENDS: Final = ".!?…。！？؟۔"
_CLAUSE_ENDS: Final = ",;:–—，、；：،؛"
_CLOSERS: Final = "\"'”’»›)]}“‘」』"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The small words of a language.

    Attributes:
        determiners: Articles, pronouns before nouns: what follows belongs to them.
        prepositions, conjunctions: A line may well begin with them.
        titles: What a name follows: "Dr. Smith".
        units: What belongs to the number before it: "12 percent", "4 million", "3. Mai".
        months: What a number may follow: "May 3".
    """

    determiners: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    conjunctions: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    months: frozenset[str] = frozenset()


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_SYMBOLS: Final = _words("% ‰ € $ £ ¥ °C °F km m cm mm kg g t l ml s ms min h Hz kHz MHz GHz kB KB MB GB TB")
_ENGLISH_MONTHS: Final = _words(
    "january february march april may june july august september october november december",
    "jan. feb. mar. apr. jun. jul. aug. sept. sep. oct. nov. dec.",
)

GRAMMARS: Final = {
    "en": Grammar(
        determiners=_words(
            "a an the this these those my your his her its our their every each no some any which whose",
        ),
        prepositions=_words(
            "of in on at by for with from to into onto over under between through during without within about against",
            "after before behind beside near since until upon via per as than",
        ),
        conjunctions=_words(
            "and or but nor so because that which who whose when where while if although though unless whereas",
        ),
        titles=_words(
            "dr. dr prof. prof professor mr. mr mrs. mrs ms. ms st. sir lord lady captain no. fig. p. pp. ch."
        ),
        units=_ENGLISH_MONTHS
        | _words(
            "percent million billion trillion thousand hundred dollars euros pounds cents degrees a.m. p.m. am pm"
        ),
        months=_ENGLISH_MONTHS,
    ),
    "de": Grammar(
        determiners=_words(
            "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner",
            "mein meine meinen meinem meiner dein deine deinen deinem sein seine seinen seinem seiner",
            "ihr ihre ihren ihrem ihrer unser unsere unseren unserem unserer euer eure",
            "dieser diese dieses diesen diesem jeder jede jedes jeden jedem",
        ),
        prepositions=_words(
            "von vom in im an am auf aus bei beim mit nach seit zu zum zur für durch gegen ohne um über unter vor",
            "hinter neben zwischen während wegen trotz bis als wie",
        ),
        conjunctions=_words(
            "und oder aber denn sondern dass weil wenn als ob obwohl damit während bevor nachdem sodass",
            "welche welcher welches",
        ),
        titles=_words("dr. dr prof. prof professor herr herrn frau hr. fr. nr. s. kap. abb."),
        units=_words(
            "prozent mio. mrd. millionen milliarden million milliarde tausend hundert euro dollar cent uhr grad",
            "januar februar märz april mai juni juli august september oktober november dezember",
        ),
    ),
    "fr": Grammar(
        determiners=_words(
            "le la les un une des du au aux ce cet cette ces mon ma mes ton ta tes son sa ses",
            "notre nos votre vos leur leurs",
        ),
        prepositions=_words("de à dans sur sous avec sans pour par en chez vers entre"),
        conjunctions=_words("et ou mais donc car que qui quand lorsque si parce puisque"),
        titles=_words("m. mme mlle dr"),
        units=_words("pour-cent millions milliards euros dollars heures"),
    ),
    "es": Grammar(
        determiners=_words("el la los las un una unos unas lo al del este esta estos estas mi tu su"),
        prepositions=_words("de a en con sin por para desde hasta entre sobre"),
        conjunctions=_words("y o pero porque que cuando aunque si"),
        titles=_words("sr. sra. dr. dra."),
        units=_words("millones euros dólares horas"),
    ),
    "ar": Grammar(
        prepositions=_words("في من إلى على عن مع بين خلال بعد قبل تحت فوق"),
        conjunctions=_words("أو ثم لأن لكن عندما إذا حيث الذي التي أن"),
        units=_words("ألف مليون مليار"),
    ),
    "he": Grammar(
        prepositions=_words("של על אל עם בין לפני אחרי תחת מעל בלי את"),
        conjunctions=_words("או אבל כי אם כאשר אשר"),
        units=_words("אלף מיליון מיליארד אחוז"),
    ),
}
"""By language; elsewhere punctuation and numbers alone decide."""

_NUMERALS: Final = "0-9０-９〇一二三四五六七八九十百千万亿億兆零两"
_COUNTERS: Final = _words(
    "公里 公斤 公分 厘米 毫米 千米 小时 小時 个小时 個小時 分钟 分鐘 秒钟 秒鐘 星期 个月 個月 平方米 平方公里",
    "立方米 万元 萬元 亿元 億元 美元 欧元 歐元 人民币 百分点 世纪 世紀 年代 年级 年級",
    "時間 分間 秒間 年間 日間 週間 か月 ヶ月 カ月 か国 ヶ国 か所 ヶ所 年生 丁目 番目 回目 人目 年目 日目 つ目",
    "キロ キログラム キロメートル メートル センチ ミリ グラム リットル パーセント ポイント ドル ユーロ 万円 億円 千円",
)
"""What is counted in Chinese and Japanese, where it takes more than one character."""
_LONGEST_COUNTER: Final = max(map(len, _COUNTERS))
_ENDS_WITH_NUMERAL = re.compile(f"[{_NUMERALS}]$")
_ORDINAL_SIGN: Final = "第"
_NEVER_FIRST: Final = frozenset("々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")
"""Letters that no line of Japanese begins with."""

_MAX_NAME_WORDS: Final = 4
_ABBREVIATION: Final = 3
_HALF_SAID: Final = re.compile(r"[0-9]{1,3}\.|[^\W\d_]\.")
"""A German ordinal ("3. Stock") and the first letter of several ("z. B.", "n. Chr.", "J. Smith")."""
_ROMAN: Final = re.compile(r"(?:[IVX]{2,}|[VX])\.?")
_BEFORE_NUMBERS: Final = frozenset("€$£¥§#")


def breaks(words: Sequence[str], sentences: Sequence[int], language: str) -> list[Break]:
    """What a break after each word costs.

    Args:
        words: As shown.
        sentences: The sentence that each word belongs to.
    """
    code = language.partition("-")[0]
    grammar = GRAMMARS.get(code, Grammar())
    found: list[Break] = []
    for index, word in enumerate(words):
        if index + 1 == len(words) or sentences[index + 1] != sentences[index]:
            found.append(Break.SENTENCE)
        else:
            found.append(_between(word, words[index + 1], grammar))
    _keep_counters(words, sentences, found)
    if code != "de":  # where every noun is capitalised, capitals do not tell names
        _keep_names(words, sentences, grammar, found)
    return found


def _between(word: str, following: str, grammar: Grammar) -> Break:
    """A break inside a sentence."""
    bare, following_bare = _bare(word), _bare(following)
    ending = word.rstrip(_CLOSERS)[-1:]
    kinds = (
        (_is_one_number(bare, following, grammar) or bare in grammar.titles, Break.NEVER),
        (bool(_HALF_SAID.fullmatch(bare) or _ROMAN.fullmatch(following.rstrip(",;:!?"))), Break.NEVER),
        (ending in _CLAUSE_ENDS or (ending in _SENTENCE_ENDS and len(bare) > _ABBREVIATION), Break.CLAUSE),
        (bare in grammar.determiners, Break.NEVER),
        (following_bare in grammar.conjunctions, Break.CONJUNCTION),
        (bare in grammar.prepositions or bare in grammar.conjunctions, Break.LOOSE),
        (following_bare in grammar.prepositions, Break.PREPOSITION),
    )
    return next((kind for holds, kind in kinds if holds), Break.PHRASE)


def _is_one_number(bare: str, following: str, grammar: Grammar) -> bool:
    """`$4.5 million`, `12 %`, `3. Mai`, `May 3`, `10 000`, `§ 12`, `€ 5`."""
    if _has_digit(following):
        return bare in grammar.months or bare in _BEFORE_NUMBERS or (bare[-1:].isdigit() and following[:1].isdigit())
    if not bare[:1].isdigit() and not bare[-1:].isdigit():
        return False
    units = {_bare(following), _bare(following).rstrip(".")}
    return not units.isdisjoint(grammar.units) or following.rstrip(".,;:!?") in _SYMBOLS


def _keep_counters(words: Sequence[str], sentences: Sequence[int], found: list[Break]) -> None:
    """Forbid breaks inside "26日" and "3个月", where every character is a word, and before what begins no line."""
    for place, word in enumerate(words[:-1]):
        end = place + 1
        if sentences[end] != sentences[place]:
            continue
        if word.endswith(_ORDINAL_SIGN) or words[end][0] in _NEVER_FIRST:
            found[place] = Break.NEVER
        if is_unspaced(words[end][0]) and _ENDS_WITH_NUMERAL.search(word):
            following = ["".join(words[end : end + length])[:length] for length in range(_LONGEST_COUNTER, 1, -1)]
            counter = next((text for text in following if text in _COUNTERS), words[end][0])
            found[place : place + len(counter)] = [Break.NEVER] * len(counter)


def _keep_names(words: Sequence[str], sentences: Sequence[int], grammar: Grammar, found: list[Break]) -> None:
    """Forbid breaks inside runs of two to four capitalised words ("New York", "Jane van Smith" up to the "van")."""
    start = 0
    while start < len(words):
        end = start
        while end < len(words) and _is_name(words, sentences, end, grammar):
            end += 1
            if found[end - 1] in {Break.SENTENCE, Break.CLAUSE}:
                break
        if 2 <= end - start <= _MAX_NAME_WORDS:
            found[start : end - 1] = [Break.NEVER] * (end - 1 - start)
        start = max(end, start + 1)


def _is_name(words: Sequence[str], sentences: Sequence[int], index: int, grammar: Grammar) -> bool:
    """Capitalised for another reason than standing first, or being a small word ("I", a title's "The")."""
    word = words[index].lstrip("\"'“‘«(")
    if index == 0 or sentences[index - 1] != sentences[index] or not word[:1].isupper():
        return False
    small = grammar.determiners | grammar.prepositions | grammar.conjunctions
    return _bare(word) not in small and not re.match(r"I(\W|$)", word)


def _bare(word: str) -> str:
    """In small letters and without what surrounds it; a full stop stays, since abbreviations need it."""
    return word.lower().strip("\"'“”‘’«»‹›„()[]{}¿¡").rstrip(",;:!?…،؛؟")


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
