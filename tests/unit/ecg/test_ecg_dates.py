from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.ecg.file_dates import hl7_stamp, offset, partial_date, placed
from hub.contracts.site import ZONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20261120093015.25+0800", datetime(2026, 11, 20, 9, 30, 15, 250_000, ZONE)),
        ("202611200930Z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("202611200930", datetime(2026, 11, 20, 9, 30)),
        ("2026112009", date(2026, 11, 20)),
        ("20261120", date(2026, 11, 20)),
        ("202611", None),
        ("20261320", None),
        ("20261120256161", None),
        ("02571120093000", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_stamp_keeps_the_precision_it_has(text: str, expected: datetime | date | None) -> None:
    assert hl7_stamp(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("19620415", "1962-04-15"), ("1962-04", "1962-04"), ("1962", "1962"), ("19620230", ""), ("0001", ""), ("", "")],
)
def test_a_birth_date_keeps_the_precision_it_has(text: str, expected: str) -> None:
    assert partial_date(text) == expected


def test_only_a_time_without_a_zone_gets_the_sites() -> None:
    plain = datetime(2026, 11, 20, 9, 30)
    assert placed(plain) == (plain.replace(tzinfo=ZONE), True)
    assert placed(plain.replace(tzinfo=UTC)) == (plain.replace(tzinfo=UTC), False)
    assert placed(date(2026, 11, 20)) == (date(2026, 11, 20), False)
    assert placed(None) == placed(datetime(257, 1, 1)) == (None, False)


def test_an_offset_beyond_the_globe_is_none() -> None:
    west = offset("-0330")
    assert west is not None and west.utcoffset(None) == -timedelta(hours=3, minutes=30)
    assert offset("+1900") is None and offset("08:00") is None and offset("") is None
