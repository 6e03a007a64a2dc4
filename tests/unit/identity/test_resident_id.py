"""The resident identity number: check character, calendar, the old 15 digits, and the ways it is written."""

from datetime import date

import pytest

from hub.contracts.resident_id import check_character, parse

VALID = "990101196204150026"


def made(first_seventeen: str) -> str:
    return first_seventeen + check_character(first_seventeen)


def test_a_valid_number_says_birth_date_and_gender() -> None:
    number = parse(VALID)
    assert number is not None
    assert (number.value, number.birth_date, number.gender) == (VALID, date(1962, 4, 15), "female")
    assert parse(made("99010119620415001")).gender == "male"  # type: ignore[union-attr]


def test_the_published_example_of_the_standard_is_valid() -> None:
    # GB 11643-1999, annex: 11010519491231002X
    number = parse("11010519491231002x")
    assert number is not None and number.value == "11010519491231002X"


@pytest.mark.parametrize(
    "written",
    ["990101 19620415 0026", " 990101196204150026 ", "９９０１０１１９６２０４１５００２６", "990101-19620415-0026"],
)
def test_the_way_it_is_written_does_not_matter(written: str) -> None:
    assert parse(written) == parse(VALID)


def test_fifteen_digits_become_eighteen() -> None:
    assert parse("990101620415002") == parse(VALID)


@pytest.mark.parametrize(
    "text",
    ["", "x", "99010119620415002", "9901011962041500260", "99010119620415002７8", "A90101196204150026",
     made("99010119620230002"), made("99010119621301002"), made("99010100000415002"), made("09010119620415002"),
     "990101620230002"],
)  # fmt: skip
def test_what_is_no_number_or_no_date_is_not_valid(text: str) -> None:
    assert parse(text) is None


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    for place in range(18):
        for digit in "0123456789X":
            other = VALID[:place] + digit + VALID[place + 1 :]
            assert (parse(other) is not None) == (other == VALID)
    for place in range(17):
        swapped = VALID[:place] + VALID[place + 1] + VALID[place] + VALID[place + 2 :]
        assert (parse(swapped) is not None) == (swapped == VALID)
