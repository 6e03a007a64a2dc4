"""The site's time zone: China has one, +08:00 without summer time. Dates without a time are whole days here."""

from datetime import UTC, datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8))
ZONE_TEXT = "+08:00"


def instant(microseconds: int) -> str:
    """Microseconds since the epoch as local ISO 8601, to the second."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone(ZONE).isoformat(timespec="seconds")
