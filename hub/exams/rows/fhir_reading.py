"""Reading FHIR R4 elements leniently, from ``hub.fhir.model`` structs and from plain JSON alike.

An element that is absent or of an unexpected shape reads as None or empty: what cannot be read is not used.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import UNSET

from hub.contracts.codes import EXTENSION
from hub.contracts.site import ZONE

from ..naming.understanding import Said

UNDATED_US = 1 << 61
"""The anchor of what has no date: newer than everything, so that it is never beyond a cut-off."""
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def part(element: Any, name: str) -> Any:
    """One child element, None if absent."""
    if type(element) is dict:
        return element.get(name)
    value = getattr(element, name, None)
    return None if value is UNSET else value


def parts(element: Any, name: str) -> Sequence[Any]:
    """A repeating child element; one that is not a list reads as a list of one."""
    value = element.get(name) if type(element) is dict else getattr(element, name, None)
    if value is None or value is UNSET:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def text(element: Any, name: str) -> str:
    value = element.get(name) if type(element) is dict else getattr(element, name, None)
    return value if isinstance(value, str) else ""


def concept(element: Any) -> Said | None:
    """A CodeableConcept, or a bare Coding, in hashable form."""
    if element is None or isinstance(element, str):
        return None
    codings = tuple(
        [(text(coding, "system"), text(coding, "code"), text(coding, "display")) for coding in parts(element, "coding")]
    )
    if not codings and (text(element, "code") or text(element, "display")):
        codings = ((text(element, "system"), text(element, "code"), text(element, "display")),)
    said = Said(codings, text(element, "text"))
    return said if codings or said.text else None


def concepts(element: Any, name: str) -> tuple[Said, ...]:
    found = parts(element, name)
    return tuple(said for each in found if (said := concept(each)) is not None) if found else ()


def codes(element: Any, name: str) -> set[str]:
    """The codes alone of a repeating CodeableConcept."""
    return {text(coding, "code") for each in parts(element, name) for coding in parts(each, "coding")}


def name_of(said: Said | None) -> str:
    """What a person would call it."""
    if said is None:
        return ""
    return said.text or next((display for _, _, display in said.codings if display), "")


def reference(element: Any) -> str:
    """``Type/id`` of a literal reference, without version and server; empty for others."""
    value = text(element, "reference")
    if "/_history/" in value:
        value = value.split("/_history/")[0]
    if value.startswith(("http://", "https://")):
        value = "/".join(value.rstrip("/").split("/")[-2:])
    return value


def references(element: Any, name: str) -> tuple[str, ...]:
    found = parts(element, name)
    return tuple(filter(None, (reference(each) for each in found))) if found else ()


def extensions(element: Any, name: str) -> Iterator[Any]:
    """Extensions of ours (by the last part of their url)."""
    url = f"{EXTENSION}/{name}"
    for each in parts(element, "extension"):
        if text(each, "url") == url:
            yield each


def value_of(extension: Any) -> Any:
    """The value[x] of an extension that has a primitive one."""
    for name in ("valueCode", "valueString", "valueBoolean", "valueDecimal", "valueInteger", "valueUri"):
        value = part(extension, name)
        if value is not None:
            return value
    return None


def nested(extension: Any, name: str) -> Any:
    """A nested extension by its url."""
    return next((each for each in parts(extension, "extension") if text(each, "url").rsplit("/", 1)[-1] == name), None)


def moment_us(value: Any) -> tuple[int, bool] | None:
    """A date, dateTime or instant as microseconds since the epoch, and whether it is a mere date. A date is the
    beginning of that day in the site's zone; a month or a year alone is too vague and reads as None."""
    return _moment_us(value) if isinstance(value, str) else None


@lru_cache(maxsize=16384)
def _moment_us(value: str) -> tuple[int, bool] | None:
    """Cached: the results of one report share their time."""
    dated = _DATE.match(value)
    try:
        if dated:
            day = datetime(int(dated[1]), int(dated[2]), int(dated[3]), tzinfo=ZONE)
            return (day - _EPOCH) // timedelta(microseconds=1), True
        if len(value) < len("2026-01-01T00:00"):
            return None
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZONE)
    return (moment - _EPOCH) // timedelta(microseconds=1), False


def performed_us(element: Any, *names: str) -> tuple[int, bool] | None:
    """The first of the named elements that gives a time: dateTimes, instants, or the start of a Period."""
    for name in names:
        value = part(element, name)
        if value is not None and not isinstance(value, str):
            value = part(value, "start") or part(value, "end")
        found = moment_us(value)
        if found is not None:
            return found
    return None


def first_line(value: str) -> str:
    """The first line of a text that says something."""
    return next((line.strip() for line in value.splitlines() if line.strip()), "")
