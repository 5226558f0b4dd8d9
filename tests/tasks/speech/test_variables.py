import tracemalloc

import pytest

from tasks.errors import BadInput
from tasks.speech.variables import fill, names_in

ROW = {"first_name": "Ada", "company": "We", "nickname": "", "First Name": "Ada L."}
LIMIT = 1000


def test_variables_are_found_and_filled() -> None:
    text = "Hello {{first_name}}, {{ company }} greets {{first_name}}."
    assert names_in(text) == ("first_name", "company")
    assert fill(text, ROW, LIMIT) == "Hello Ada, We greets Ada."


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Hello {{nickname|there}}.", "Hello there."),
        ("Hello {{first_name|there}}.", "Hello Ada."),
        ("Hello{{nickname|}}.", "Hello."),
        ("Hello {{ nickname | dear friend }}.", "Hello  dear friend ."),
        ("Hello {{First\nName}}.", "Hello Ada L.."),
        ("{{nickname|a|b}}", "a|b"),
        ("{ {first_name}} {{first_name} }", "{ {first_name}} {{first_name} }"),
        ("{{{first_name}}}", "{Ada}"),
        ("", ""),
    ],
)
def test_what_is_said_instead(text: str, filled: str) -> None:
    assert fill(text, ROW, LIMIT) == filled


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("{{frist_name}}", "no column for {{frist_name}}", "Did you mean {{first_name}}?"),
        ("{{fee|none}}", "no column for {{fee}}", "the manifest has First Name, company, first_name, nickname."),
        ("{{}}", "no column for {{}}", "Add it"),
        ("{{nickname}}", "{{nickname}} is empty in this row", "{{nickname|there}}, or {{nickname|}} for nothing"),
        ("{{first_name}}, {{nickname}}", "{{nickname}} is empty", "Fill it in"),
        ("{{nickname|}} {{nickname}}", "{{nickname}} is empty", "Fill it in"),
    ],
)
def test_what_cannot_be_filled_in(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        fill(text, ROW, LIMIT)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_value_is_not_looked_through_for_variables() -> None:
    assert fill("{{a}}", {"a": "{{b}}", "b": "no"}, LIMIT) == "{{b}}"


def test_the_result_is_limited_and_not_made_to_find_that_out() -> None:
    assert len(fill("{{a}}" * 10, {"a": "x" * 100}, LIMIT)) == LIMIT
    with pytest.raises(BadInput, match="longer than 1000 characters with its variables"):
        fill("{{a}}" * 10 + "!", {"a": "x" * 100}, LIMIT)
    assert fill("{{a}}" * 1000, {"a": ""} | {"a": "x"}, LIMIT) == "x" * LIMIT
    tracemalloc.start()
    with pytest.raises(BadInput, match="longer than"):
        fill("{{a}}" * 200_000, {"a": "x" * 1000}, 200_000)  # 200 MB
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.timeout(5)
@pytest.mark.parametrize("part", ["{{ ", "{{a", "{", "{{a|", "{{ \n", "}}{{", "{{|"])
def test_long_texts_with_odd_braces_are_read_at_once(part: str) -> None:
    text = part + " " * 500_000 + part * 100_000
    try:
        fill(text, ROW, 1 << 20)
    except BadInput:
        assert "{{" in text
