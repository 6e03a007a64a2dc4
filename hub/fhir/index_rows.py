"""The index rows of one resource, and how each data type turns into them (R4 search.html, per parameter type)."""

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import UNSET

from hub.fhir.dates import OPEN_HIGH, OPEN_LOW, date_range
from hub.fhir.strings import MAX_CHARACTERS, has_chinese, normalised

TokenRow = tuple[int, str | None, str | None]
ReferenceRow = tuple[int, str]
DateRow = tuple[int, int, int]
StringRow = tuple[int, str, str]
QuantityRow = tuple[int, float, float, float, str | None, str | None, str | None]
NumberRow = tuple[int, float, float, float]
UriRow = tuple[int, str]


class IndexRows(NamedTuple):
    """What a resource can be found by; the first member of each row is the id of a search parameter.

    ``tokens``: (id, system, code), None where not stated. ``references``: (id, ``Type/id`` or absolute URL or
    ``urn:uuid:…``), without version; references to contained resources are left out. ``dates``: (id, first, last
    microsecond), both inclusive. ``strings``: (id, normalised, exact). ``quantities``: (id, value, low, high, system,
    code, unit) and ``numbers``: (id, value, low, high), low to high being what the written digits may mean.
    ``uris``: (id, uri); canonical references stand here, with and without version.
    ``patient``: the one Patient in whose compartment it lies, as written; None if there is none or more than one.
    ``sort_date_us``: first microsecond of the type's primary date, 0 where it has none.
    """

    tokens: list[TokenRow]
    references: list[ReferenceRow]
    dates: list[DateRow]
    strings: list[StringRow]
    quantities: list[QuantityRow]
    numbers: list[NumberRow]
    uris: list[UriRow]
    patient: str | None
    sort_date_us: int


def period(value: Any) -> tuple[int, int]:
    """Range of a Period; a missing end is open."""
    start, end = value.start, value.end
    return (
        OPEN_LOW if start is UNSET else date_range(start)[0],
        OPEN_HIGH if end is UNSET else date_range(end)[1],
    )


def timing(value: Any) -> tuple[int, int] | None:
    """Outer limits of a Timing: its events and its bounds, nothing else of the schedule; None where it has neither."""
    ranges = [date_range(event) for event in ([] if value.event is UNSET else value.event) if event is not None]
    if value.repeat is not UNSET and value.repeat.boundsPeriod is not UNSET:
        ranges.append(period(value.repeat.boundsPeriod))
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def number(value: float) -> tuple[float, float, float]:
    """A decimal with the range that its digits stand for: 5.4 is 5.35 to 5.45."""
    return _precision(value)


@lru_cache(maxsize=16384)
def _precision(value: float) -> tuple[float, float, float]:
    exact = Decimal(repr(value))
    exponent = exact.as_tuple().exponent
    half = Decimal(5).scaleb(min(exponent if isinstance(exponent, int) else 0, 0) - 1)
    try:
        return float(exact), float(exact - half), float(exact + half)
    except OverflowError:
        edge = float("inf") if value > 0 else float("-inf")
        return edge, edge, edge


def quantity(value: Any) -> tuple[float, float, float, str | None, str | None, str | None] | None:
    """Rows' part of a Quantity (also Age, Duration, Count, Distance); None where it has no value."""
    if value.value is UNSET:
        return None
    return (
        *_precision(value.value),
        None if value.system is UNSET else value.system,
        None if value.code is UNSET else value.code,
        None if value.unit is UNSET else value.unit,
    )


def money(value: Any) -> tuple[float, float, float, str | None, str | None, str | None] | None:
    """Money: the currency is the code, of system urn:iso:std:iso:4217."""
    if value.value is UNSET:
        return None
    currency = None if value.currency is UNSET else value.currency
    return (*_precision(value.value), "urn:iso:std:iso:4217", currency, currency)


def range_quantity(value: Any) -> tuple[float, float, float, str | None, str | None, str | None] | None:
    """A Range stands for every value between its ends; None where it has no end at all."""
    low = None if value.low is UNSET else quantity(value.low)
    high = None if value.high is UNSET else quantity(value.high)
    known = low or high
    if known is None:
        return None
    lowest = low[1] if low else float("-inf")
    highest = high[2] if high else float("inf")
    return (known[0] if low is None or high is None else (low[0] + high[0]) / 2, lowest, highest, *known[3:])


def text(value: str) -> tuple[str, str]:
    return normalised(value), value[:MAX_CHARACTERS]


def human_name(value: Any) -> Iterator[tuple[str, str]]:
    """Every part of a name. A Chinese name is one word: family and given name are indexed together too, and inner
    blanks do not count."""
    family = "" if value.family is UNSET else value.family
    given = [] if value.given is UNSET else [part for part in value.given if part]
    parts = [family, *given]
    if value.text is not UNSET:
        parts.append(value.text)
    for more in (value.prefix, value.suffix):
        if more is not UNSET:
            parts += [part for part in more if part]
    together = family + "".join(given)
    if together and has_chinese(together):
        parts.append(together)
    for part in dict.fromkeys(parts):
        if part:
            exact = "".join(part.split()) if has_chinese(part) else part
            yield text(exact)


def address(value: Any) -> Iterator[tuple[str, str]]:
    """Every line of an address."""
    if value.line is not UNSET:
        yield from (text(line) for line in value.line if line)
    for part in (value.text, value.city, value.district, value.state, value.country, value.postalCode):
        if part is not UNSET:
            yield text(part)


def reference(value: str) -> str | None:
    """A reference without its version; None for one to a contained resource or to a search."""
    if value.startswith("#") or ("?" in value and not value.startswith(("http:", "https:"))):
        return None
    return value.partition("/_history/")[0]


def leads_to(value: str, resource_type: str) -> bool:
    """Whether a reference may be to ``resource_type``; one by urn: may be to anything."""
    return value.startswith((f"{resource_type}/", "urn:")) or f"/{resource_type}/" in value


def canonical(value: str) -> tuple[str, ...]:
    """A canonical URL with its version and without, so that either finds it."""
    plain = value.partition("|")[0]
    return (value,) if plain == value else (value, plain)
