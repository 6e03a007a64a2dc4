"""Dates and times as ECG files write them, read without inventing what they leave out."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from hub.contracts.site import ZONE

_STAMP = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d{2})(?:(?P<day>\d{2})(?:(?P<hour>\d{2})(?:(?P<minute>\d{2})"
    r"(?:(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?)?)?)?)?(?P<zone>[+-]\d{4}|Z)?"
)

_FIRST_YEAR = 1900
"""No digital tracing is older; carts with a lost clock write such years."""


def hl7_stamp(text: str) -> datetime | date | None:
    """An HL7 TS or DICOM DT (``YYYYMMDDHHMMSS.F±ZZZZ``): a datetime down to the minute, a date, or None for less and
    for what can be no date of a tracing. Naive where no zone is written."""
    match = _STAMP.fullmatch(text.strip())
    if match is None or match["day"] is None or int(match["year"]) < _FIRST_YEAR:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        if match["minute"] is None:
            return day
        second = min(int(match["second"] or 0), 59)
        micro = int((match["fraction"] or "0")[:6].ljust(6, "0"))
        return datetime(
            day.year, day.month, day.day, int(match["hour"]), int(match["minute"]), second, micro, offset(match["zone"])
        )
    except ValueError:
        return None


def partial_date(text: str) -> str:
    """A birth date with the precision it has (``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD``); empty where it is none."""
    match = _STAMP.fullmatch(text.strip().replace("-", ""))
    if match is None:
        return ""
    year, month, day = match["year"], match["month"], match["day"]
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return ""
    return "" if int(year) < 1850 else "-".join(part for part in (year, month, day) if part)


def offset(text: str | None) -> tzinfo | None:
    """``+0800`` or ``Z`` as a zone; None where nothing usable is written."""
    if not text:
        return None
    if text == "Z":
        return UTC
    if not re.fullmatch(r"[+-]\d{4}", text):
        return None
    hours, minutes = int(text[1:3]), int(text[3:5])
    if hours > 14 or minutes > 59:
        return None
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(-span if text[0] == "-" else span)


def placed(start: datetime | date | None) -> tuple[datetime | date | None, bool]:
    """The start with the site's zone where it has none, and whether that was assumed; None for an impossible year."""
    if start is not None and start.year < _FIRST_YEAR:
        return None, False
    if isinstance(start, datetime) and start.tzinfo is None:
        return start.replace(tzinfo=ZONE), True
    return start, False
