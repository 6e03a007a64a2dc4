from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.fhir.dates import date_range

SECOND = 1_000_000
DAY = 86_400 * SECOND


def microseconds(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * SECOND  # type: ignore[misc]


HALF_PAST = microseconds(2024, 2, 29, 8, 30)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024-02-29", microseconds(2024, 2, 28, 16), microseconds(2024, 2, 29, 16) - 1),
        ("2024-02", microseconds(2024, 1, 31, 16), microseconds(2024, 2, 29, 16) - 1),
        ("2024-12", microseconds(2024, 11, 30, 16), microseconds(2024, 12, 31, 16) - 1),
        ("2024", microseconds(2023, 12, 31, 16), microseconds(2024, 12, 31, 16) - 1),
        ("2024-02-29T08:30:00Z", microseconds(2024, 2, 29, 8, 30), microseconds(2024, 2, 29, 8, 30, 1) - 1),
        ("2024-02-29T08:30:00+08:00", microseconds(2024, 2, 29, 0, 30), microseconds(2024, 2, 29, 0, 30, 1) - 1),
        ("2024-02-29T08:30:00-02:30", microseconds(2024, 2, 29, 11), microseconds(2024, 2, 29, 11, 0, 1) - 1),
        ("2024-02-29T08:30", microseconds(2024, 2, 29, 0, 30), microseconds(2024, 2, 29, 0, 31) - 1),
        (
            "2024-02-29T08:30:00.5Z",
            microseconds(2024, 2, 29, 8, 30) + 500_000,
            microseconds(2024, 2, 29, 8, 30) + 599_999,
        ),
        ("2024-02-29T08:30:00.1234567Z", HALF_PAST + 123_456, HALF_PAST + 123_456),
        ("2016-12-31T23:59:60Z", microseconds(2016, 12, 31, 23, 59, 59), microseconds(2017, 1, 1) - 1),
    ],
)
def test_a_date_stands_for_all_instants_it_may_mean(text: str, low: int, high: int) -> None:
    assert date_range(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    ["", "24", "2024-2", "2023-02-29", "2024-13", "2024-01-01T", "2024-01-01T25:00", "2024-01-01T10:00+99:00", "x"],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        date_range(text)


def test_the_last_and_the_first_year_have_a_range() -> None:
    assert date_range("9999")[0] < date_range("9999")[1]
    assert date_range("0001-01-01")[1] - date_range("0001-01-01")[0] == DAY - 1


@given(st.dates())
def test_a_day_lies_in_its_month_and_its_year(day: "object") -> None:
    text = str(day)
    low, high = date_range(text)
    for wider in (text[:7], text[:4]):
        first, last = date_range(wider)
        assert first <= low <= high <= last
