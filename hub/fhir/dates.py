"""Dates as ranges of time (R4 search.html#date): every value stands for all instants it may mean, from first to last.

Microseconds since 1970-01-01 UTC. A date without a time is a whole day, month or year in the site's zone.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from hub.contracts.site import ZONE

OPEN_LOW = -(2**62)
OPEN_HIGH = 2**62
"""The ends of a period that has none."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SHAPE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?\Z"
)


@lru_cache(maxsize=65536)
def date_range(text: str) -> tuple[int, int]:
    """First and last microsecond that a FHIR date, dateTime or instant may mean; a search value may leave out seconds
    and zone. Raises ValueError where it is no date of the calendar."""
    shape = _SHAPE.match(text)
    if shape is None:
        raise ValueError("not a date")
    year, month, day, hour, minute, second, fraction, zone = shape.groups()
    if hour is None:
        return _calendar_range(int(year), int(month or 0), int(day or 0))
    # A leap second is the second before it, as far as order goes; 24:00 does not exist in FHIR.
    whole = min(int(second or 0), 59)
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), whole, tzinfo=UTC)
    low = (moment - _EPOCH) // _MICROSECOND - _offset_microseconds(zone, moment)
    if second is None:
        return low, low + 59_999_999
    if not fraction:
        return low, low + 999_999
    low += int(fraction[:6].ljust(6, "0"))
    return low, low + 10 ** max(0, 6 - len(fraction)) - 1


def _offset_microseconds(zone: str | None, moment: datetime) -> int:
    if zone == "Z":
        return 0
    if zone is None:
        offset = ZONE.utcoffset(moment)
        return (offset or timedelta()) // _MICROSECOND
    if int(zone[4:6]) > 59 or int(zone[1:3]) > 14:
        raise ValueError("not a time zone")
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 60 + int(zone[4:6])) * 60_000_000


def _calendar_range(year: int, month: int, day: int) -> tuple[int, int]:
    low = _microseconds(year, month or 1, day or 1)
    if day:
        return low, low + 86_400_000_000 - 1
    if month:
        return low, _microseconds(year + month // 12, month % 12 + 1, 1) - 1
    return low, _microseconds(year + 1, 1, 1) - 1


def _microseconds(year: int, month: int, day: int) -> int:
    if year > 9999:
        return OPEN_HIGH
    return (datetime(year, month, day, tzinfo=ZONE) - _EPOCH) // _MICROSECOND
