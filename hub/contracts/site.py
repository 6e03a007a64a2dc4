"""The site's time zone: China has one, +08:00 without summer time. Dates without a time are whole days here."""

from datetime import timedelta, timezone

ZONE = timezone(timedelta(hours=8))
ZONE_TEXT = "+08:00"
