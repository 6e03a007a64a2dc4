"""DTM, TS, DT and TM to FHIR dateTime, date, instant and time (HL7 v2.5.1 chapter 2.A.21-22, 2.A.75-77).

Precision is kept; only seconds are filled up where a time has none, because FHIR demands them. A time without a zone
is read in the site's zone, and says so in an extension.
"""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from hub.contracts.codes import EXTENSION
from hub.contracts.site import ZONE, ZONE_TEXT

from .refusal import MessageIncorrect

ASSUMED_TIME_ZONE = f"{EXTENSION}/assumed-time-zone"
_ASSUMED = {"extension": [{"url": ASSUMED_TIME_ZONE, "valueString": ZONE_TEXT}]}
_ASSUMED_JSON = msgspec.json.encode(_ASSUMED)

_DTM = re.compile(
    r"(\d{4})[-/.]?(?:(\d\d)[-/.]?(?:(\d\d)(?:[ T]?(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?"
    r"\s*(Z|[+-]\d\d:?\d\d|[+-]\d\d)?",
    re.ASCII,
)
"""As HL7 writes it (20261122083000.12+0800) and as some senders do (2026-11-22 08:30:00)."""

_LONGEST = 40
"""Characters of a date; what is kept of what senders send is bounded."""

_TM = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?\s*(?:Z|[+-]\d\d:?\d\d)?", re.ASCII)


class Moment(NamedTuple):
    """``value`` is a FHIR date (any precision) or dateTime; ``assumed`` where the zone was not sent."""

    value: str
    has_time: bool
    assumed: bool

    @property
    def date(self) -> str:
        return self.value[:10]

    def fragment(self, element: str) -> bytes:
        """The JSON of a dateTime element, to stand after another one."""
        name, value = element.encode(), self.value.encode()
        said = b',"_' + name + b'":' + _ASSUMED_JSON if self.assumed else b""
        return b',"' + name + b'":"' + value + b'"' + said


def moment(text: str) -> Moment | None:
    """None where the text is no date."""
    return _moment(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _moment(text: str) -> Moment | None:
    found = _DTM.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if zone and hour is None:
        # 20261122-0800 can be a zone without a time, which says nothing; 2026-11 never reaches here with a zone.
        zone = None
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if hour is None:
        return Moment("-".join(part for part in (year, month, day) if part), False, False)
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return None
    offset = _offset(zone)
    if offset is None:
        return None
    clock = f"{hour}:{minute or '00'}:{second or '00'}" + (f".{fraction}" if fraction else "")
    return Moment(f"{year}-{month}-{day}T{clock}{offset}", True, not zone)


def _offset(zone: str | None) -> str | None:
    if not zone:
        return ZONE_TEXT
    if zone == "Z":
        return "Z"
    hours, minutes = zone[1:3], zone[-2:] if len(zone) > 3 else "00"
    if int(hours) * 60 + int(minutes) > 14 * 60 or int(minutes) > 59:
        return None
    return f"{zone[0]}{hours}:{minutes}"


def read(text: str, segment: str, field: int, sequence: int = 1) -> Moment | None:
    """A field that holds a date or time; None where it is empty or all zeros. Raises MessageIncorrect (102)."""
    if not text.strip("0 "):
        return None
    found = moment(text)
    if found is None:
        raise MessageIncorrect(
            f"{segment}-{field} is not a date or time.",
            segment=segment,
            field=field,
            sequence=sequence,
            remedy="Write it as YYYYMMDD[HHMM[SS[.S...]]][+ZZZZ].",
        )
    return found


def put(resource: dict[str, Any], element: str, found: Moment | None) -> None:
    """Set a dateTime element, with the extension that tells an assumed zone."""
    if found is not None:
        resource[element] = found.value
        if found.assumed:
            resource[f"_{element}"] = _ASSUMED


def put_instant(resource: dict[str, Any], element: str, found: Moment | None) -> None:
    """Set an instant element; a date without a time is no instant and is left out."""
    if found is not None and found.has_time:
        put(resource, element, found)


def time_of_day(text: str) -> str | None:
    """A FHIR time; None where the text is none."""
    found = _TM.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or int(found[1]) > 23 or int(found[2] or 0) > 59 or int(found[3] or 0) > 59:
        return None
    return f"{found[1]}:{found[2] or '00'}:{found[3] or '00'}" + (f".{found[4]}" if found[4] else "")


def as_hl7(fhir: str) -> str:
    """A FHIR date, dateTime or instant as HL7 writes it, a time in the site's zone to the second; empty where it is
    none."""
    if "T" not in fhir:
        return fhir.replace("-", "")
    try:
        at = datetime.fromisoformat(fhir.replace("Z", "+00:00"))
    except ValueError:
        return ""
    return at.astimezone(ZONE).strftime("%Y%m%d%H%M%S") + ZONE_TEXT.replace(":", "")
