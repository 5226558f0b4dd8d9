"""No script keeps a check busy for long, whatever it consists of."""

import time

import pytest

from tasks.errors import BadInput
from tasks.speech import limits, script

PARTS = (
    *("[", "[]", "![", "[a](", "](", "[a]: b\n", "[a] ", "[pause 1s]", "(", "()", "((", '"', "“a. "),
    *("*", "*a ", "_a ", "**a *b ", "a**b", "_*", "*a **b ", "~~~\n", "`a", "a`` ", "<", "<a ", "<!--", "<![CDATA["),
    *(
        ">",
        "> a\n",
        "- ",
        "- a\n",
        "1. ",
        "# a\n",
        "a\n===\n",
        "---\n",
        "|",
        "|a\n",
        "a|",
        "\\",
        "&",
        "&amp;",
        "&#x41;",
    ),
    *(
        "\n",
        "a\n",
        "a\n\n",
        "\u00a0",
        "\u200d",
        "... ",
        "a - ",
        "– ",
        "a. ",
        "!",
        "a",
        "a ",
        "Mr. ",
        "U.S.A. ",
        "1.2.3. ",
    ),
    *("http://", "http://a ", "<http://a", "a@b ", "字", "字 - ", "。", "e\u0301", "\u0316\u0301", "{", "{{a"),
)


def most(part: str) -> int:
    """How often a text may hold that, at most."""
    return min(
        limits.MAX_CHARACTERS // len(part),
        limits.MAX_LINES // part.count("\n") if "\n" in part else limits.MAX_CHARACTERS,
        limits.MAX_BRACKETS // part.count("[") if "[" in part else limits.MAX_CHARACTERS,
    )


HARD = {
    **{repr(part): part * most(part) for part in PARTS},
    "backticks": " ".join("`" * count for count in range(600)),
    "nested lists": "".join(" " * 2 * depth + "- a\n" for depth in range(400)),
    "table": "a|b\n-|-\n" + "|a\n" * 19_000,
    "wide table": "a|" * 40_000 + "\n" + "-|" * 40_000 + "\n" + "a\n" * 19_000,
    "blanks": ("a" + " " * limits.MAX_BLANKS) * 199,
    "blanks and breaks": ("a" + " " * (limits.MAX_BLANKS - 1) + "\n") * 199,
    "accents": ("a" + "\u0316\u0301" * (limits.MAX_ACCENTS // 2)) * 6000,
    "references": "".join(f"[a{number}]: b\n" for number in range(14_000)),
}


@pytest.mark.parametrize("name", HARD)
def test_no_script_is_read_for_more_than_five_seconds(name: str) -> None:
    began = time.process_time()
    try:
        limits.check(HARD[name])
        script.parse(HARD[name])
    except BadInput as refused:
        assert refused.problem
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a" * 150_001, "longer than 150,000 characters"),
        ("a\n" * 20_001, "more than 20,000 lines"),
        ("[" * 20_001, "more than 20,000 opening brackets"),
        ("[a](b)" * 20_001, "more than 20,000 opening brackets"),
        ("a" + " " * 1001 + "b", "1,000 blanks in a row"),
        ("a" + "\t " * 501 + "b", "1,000 blanks in a row"),
        ("a" + "\n" * 1001 + "b", "1,000 blanks in a row"),
        ("a" + "\u00a0" * 1001 + "b", "1,000 blanks in a row"),
        ("a" + "\u0301" * 31, "more than 30 accents"),
        ("ź" + "\u0316\u0301" * 16, "more than 30 accents"),
    ],
)
def test_what_nobody_writes_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        limits.check(text)


def test_what_people_write_is_far_from_the_limits() -> None:
    limits.check("[smiles] So it is: **three** [links](https://example.org) a line, [pause 1s] for an hour.\n\n" * 1500)
    limits.check("Việt Nam, שָׁלוֹם, हिन्दी, t̪ʰ, e\u0301\u0323. " * 4000)
    limits.check("| a " + " " * 900 + "|\n")
