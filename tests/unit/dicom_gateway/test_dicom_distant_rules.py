"""Pure parts of keeping up with distant archives: which dates are asked for, and reading a part as it arrives."""

from dataclasses import replace
from datetime import datetime

import pytest

from dicom_gateway.distant.first_part import first_part
from dicom_gateway.distant.sweep import Window, next_window
from dicom_gateway.study_index.distant_archives import ArchiveState
from hub.contracts.archives import DistantArchive
from hub.contracts.site import ZONE

NOON = datetime(2026, 3, 1, 12, tzinfo=ZONE)
PACS = DistantArchive("pacs", "county", url="https://pacs.example.org", sweep_days=4)
SEEN = ArchiveState("pacs", latest_us=int(NOON.timestamp() * 1e6))


def test_the_latest_days_come_first_and_again_when_they_are_due() -> None:
    assert next_window(PACS, ArchiveState("pacs"), NOON) == Window("20260228", "20260301", latest=True)
    assert next_window(replace(PACS, sweep_days=0), ArchiveState("pacs"), NOON) is None
    later = datetime(2026, 3, 1, 12, 10, tzinfo=ZONE)
    due = next_window(PACS, SEEN, later)
    assert due is not None and due.latest


def test_it_goes_back_a_day_at_a_time_until_it_has_gone_back_far_enough() -> None:
    assert next_window(PACS, SEEN, NOON) == Window("20260227", "20260227", latest=False)
    assert next_window(PACS, replace(SEEN, earliest_day="20260227"), NOON) == Window("20260226", "20260226", False)
    assert next_window(PACS, replace(SEEN, earliest_day="20260226"), NOON) is None


@pytest.mark.parametrize(
    ("hour", "goes_back"), [(12, False), (19, False), (20, True), (23, True), (5, True), (6, False)]
)
def test_it_goes_back_in_the_hours_that_are_set(hour: int, goes_back: bool) -> None:
    at = NOON.replace(hour=hour)
    seen = ArchiveState("pacs", latest_us=int(at.timestamp() * 1e6))
    assert (next_window(replace(PACS, sweep_hours=(20, 6)), seen, at) is not None) is goes_back


MULTIPART = 'multipart/related; type="application/dicom"; boundary=edge'
BODY = b"--edge\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n-\r\n--edg\r\n--edge--\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_the_first_part_is_the_same_however_it_arrives(size: int) -> None:
    pieces = [BODY[at : at + size] for at in range(0, len(BODY), size)]
    assert b"".join(first_part(MULTIPART, pieces)) == b"DICM\r\n-\r\n--edg"
    assert b"".join(first_part("application/dicom", pieces)) == BODY


@pytest.mark.parametrize("body", [BODY[:50], b"", b"x" * 20_000, BODY.replace(b"\r\n\r\n", b"")])
def test_half_a_part_is_none(body: bytes) -> None:
    with pytest.raises(ValueError):
        list(first_part(MULTIPART, [body]))
