"""Column names as people write them: what can only mean one column is that column; a slip is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.manifest import header
from tasks.manifest.header import COLUMNS, column, faults, letters, missing, slips

NEEDED = ("id", "portrait", "script")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ID", "id"),
        (" Portrait ", "portrait"),
        ("Script", "script"),
        ("driving video", "driving_video"),
        ("Driving-Video", "driving_video"),
        ("DrivingVideo", "driving_video"),
        ("Driving\nvideo", "driving_video"),
        ("face  box", "face_box"),
        ("Title:", "title"),
        ("#id", "id"),
        ("\ufeffid", "id"),
        ("ti\u00adtle", "title"),
        ("\u00a0Seed\u00a0", "seed"),
        ("ＩＤ", "id"),
        ("motion.gate", "motion_gate"),
        ("first_name", "first_name"),
        ("First  Name ", "First Name"),
        ("Preis (€)", "Preis (€)"),
        ("identity", "identity"),
        ("sub title", "sub title"),
        ("title 2", "title 2"),
        ("№", "№"),
        ("", ""),
    ],
)
def test_a_name_means_the_column_that_it_can_only_mean(written: str, meant: str) -> None:
    assert column(written) == meant


@given(st.sampled_from(COLUMNS), st.data())
def test_case_blanks_and_dashes_do_not_matter(name: str, data: st.DataObject) -> None:
    written = "".join(
        data.draw(st.sampled_from(["_", " ", "-", "", " - "]))
        if letter == "_"
        else data.draw(st.sampled_from([letter, letter.upper()]))
        for letter in name
    )
    assert column(f" {written}\t") == name


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (("id", "ID", "portrait", "script"), "header, id: the column stands twice, as 'id' and as 'ID'"),
        (("id", "Title", "title ", *NEEDED[1:]), "header, title: the column stands twice, as 'Title' and as 'title '"),
        (("driving video", "driving_video", *NEEDED), "as 'driving video' and as 'driving_video'"),
        ((*NEEDED, "fee", "fee"), "header, fee: the column stands twice. Remove or rename one."),
        ((*NEEDED, "First Name", "First\nName"), "as 'First Name' and as 'First\\nName'"),
        ((*NEEDED, "fee\0"), "header, column D 'fee\\x00': it cannot be the name of a column"),
        ((*NEEDED, "x" * 300), "header, column D"),
        (tuple(f"x{number}" for number in range(1001)), "header, columns: there are 1001. Keep to 1000."),
        (("id", "potrait", "script"), "header, portrait: the column is missing. Did you mean 'portrait' by 'potrait'?"),
        (("id", "portrait", "scirpt"), "nor is there one for audio). Did you mean 'script' by 'scirpt'?"),
        (("Id.", "picture", "script"), "header, portrait: the column is missing. Add the column 'portrait'."),
    ],
)
def test_faults_of_a_header_are_named(written: tuple[str, ...], says: str) -> None:
    assert says in "\n".join(map(str, faults(written)))


def test_a_header_as_people_have_it_has_no_faults() -> None:
    assert not list(
        faults(("ID", "Portrait", "", "Driving Video", "Script", "first name", "First_Name", "fee", " ", ""))
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("langauge", "language"),
        ("Langage", "language"),
        ("consnet", "consent"),
        ("concent", "consent"),
        ("titel", "title"),
        ("tilte", "title"),
        ("vocie", "voice"),
        ("sede", "seed"),
        ("siez", "size"),
        ("preseet", "preset"),
        ("driving_vid", "driving_video"),
        ("face_bx", "face_box"),
        ("audio_gat", "audio_gate"),
        ("prioritiy", "priority"),
    ],
)
def test_a_slip_is_named_unless_it_is_a_variable_in_use(name: str, meant: str) -> None:
    (fault,) = slips((*NEEDED, name), ())
    assert (
        str(fault) == f"header, {name}: no script and no title uses this variable. Did you mean the column {meant!r}?"
    )
    assert not list(slips((*NEEDED, name), {name}))
    assert not list(slips((*NEEDED, name, meant), ()))  # the column is there: this is another


@pytest.mark.parametrize(
    "name",
    [
        "first_name",
        "name",
        "fee",
        "company",
        "note",
        "email",
        "date",
        "course",
        "subtitle",
        "city",
        "age",
        "role",
        "sex",
        "team",
        "№",
        "",
    ],
)
def test_other_names_are_not_taken_for_slips(name: str) -> None:
    assert not list(slips((*NEEDED, name), ()))


def test_what_is_missing_is_asked_for_once() -> None:
    assert [fault.column for fault in missing(())] == ["id", "portrait", "script"]
    assert not list(missing(("id", "portrait", "audio")))


def test_columns_are_called_as_a_spreadsheet_calls_them() -> None:
    assert [letters(place) for place in (1, 26, 27, 52, 53, 702, 703, 16_384)] == [
        "A",
        "Z",
        "AA",
        "AZ",
        "BA",
        "ZZ",
        "AAA",
        "XFD",
    ]


@given(st.text(max_size=40))
def test_any_name_means_itself_or_a_column(written: str) -> None:
    meant = column(written)
    assert meant in COLUMNS or meant == meant.strip()
    assert column(meant) == meant
    assert header.is_name(meant) in {True, False}
