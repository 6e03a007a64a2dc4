"""The document of one resource: what it can be found by, and nothing that it says. Pure."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.search import Indexed
from hub.fhir import model
from hub.fhir.extract import IndexRows, extract
from hub.fhir.fulltext import content_of, narrative_of
from hub.fhir.people import keys_of

from . import keys

SORT_CHARACTERS = 64
"""Of a string, in its sort key; as in the store's index."""
_MOST_SHARES = 1 << 16


def version_of(one: Indexed) -> int:
    """Grows with each version and each share, so that an older document never takes the place of a newer one."""
    return version_number(one.version, len(one.readers))


def version_number(version: int, shares: int) -> int:
    return version * _MOST_SHARES + min(shares, _MOST_SHARES - 1)


def check_number(resource_type: str, resource_id: str, version: int, shares: int) -> int:
    """32 bits that tell states apart; sums of them tell slices apart."""
    state = f"{resource_type}/{resource_id} {version} {shares}"
    return int.from_bytes(hashlib.blake2b(state.encode(), digest_size=4).digest(), "big")


def document(one: Indexed) -> dict[str, Any]:
    """Of a live resource. Raises ValueError (``msgspec``'s among them) where its body cannot be read."""
    resource = msgspec.json.decode(one.body)
    rows = extract(one.type, model.kept(one.body, one.type), one.id)
    made: dict[str, Any] = {
        "type": one.type,
        "id": one.id,
        "version": one.version,
        "rid": one.rid,
        "check": check_number(one.type, one.id, one.version, len(one.readers)),
        "updated": one.updated_ms,
        "owner": one.owner,
        "readers": [f"o:{one.owner}", *one.readers],
        "token": list(dict.fromkeys(key for row in rows.tokens for key in keys.token_keys(*row))),
        "reference": _references(rows),
        "string": _strings(rows),
        "date": [_range(row) for row in rows.dates],
        "quantity": _amounts(rows),
        "present": sorted(_present(rows)),
        "sort": _sort_keys(rows),
        "content": content_of(resource),
    }
    made["token"] += list(dict.fromkeys(keys.coding_key(parameter, "", uri) for parameter, uri in rows.uris))
    if one.patient:
        made["patient"] = one.patient
    if rows.sort_date_us:
        made["occurred"] = keys.milliseconds(rows.sort_date_us)
    if one.type == "Patient":
        made["people"] = sorted(keys_of(resource))
    if narrative := narrative_of(resource):
        made["narrative"] = narrative
    return {name: value for name, value in made.items() if value != []}


def _references(rows: IndexRows) -> list[str]:
    found: dict[str, None] = {}
    for parameter, target in rows.references:
        found[keys.reference_key(parameter, target)] = None
        kind, slash, rest = target.partition("/")
        if slash and "/" not in rest:
            found[keys.reference_type_key(parameter, kind)] = None
    return list(found)


def _strings(rows: IndexRows) -> list[str]:
    found: dict[str, None] = {}
    for parameter, plain, exact in rows.strings:
        found[keys.prefix_key(parameter, plain)] = None
        found[keys.exact_key(parameter, exact or plain)] = None
    return list(found)


def _range(row: tuple[int, int, int]) -> dict[str, int]:
    parameter, low, high = row
    return {
        "gte": keys.instant(parameter, keys.milliseconds(low)),
        "lte": keys.instant(parameter, keys.milliseconds(high)),
    }


def _amounts(rows: IndexRows) -> list[str]:
    found: dict[str, None] = {}
    for parameter, value, _, _, system, code, unit in rows.quantities:
        for asked in keys.unit_keys(system, code, unit):
            found[keys.amount(parameter, asked, value)] = None
    for parameter, value, _, _ in rows.numbers:
        for asked in keys.unit_keys(None, None, None):
            found[keys.amount(parameter, asked, value)] = None
    return list(found)


def _present(rows: IndexRows) -> set[int]:
    groups: tuple[Iterable[Any], ...] = (
        *(rows.tokens, rows.references, rows.dates, rows.strings, rows.quantities, rows.numbers, rows.uris),
    )
    return {row[0] for group in groups for row in group}


def _sort_keys(rows: IndexRows) -> dict[str, list[str]]:
    """Lowest and highest value of each parameter."""
    values: dict[int, list[str]] = {}
    for parameter, low, _ in rows.dates:
        values.setdefault(parameter, []).append(keys.sort_instant(keys.milliseconds(low)))
    for parameter, plain, _ in rows.strings:
        values.setdefault(parameter, []).append(plain[:SORT_CHARACTERS])
    for parameter, value in [*(row[:2] for row in rows.quantities), *(row[:2] for row in rows.numbers)]:
        values.setdefault(parameter, []).append(keys.sort_number(value))
    for parameter, _, code in rows.tokens:
        values.setdefault(parameter, []).append((code or "")[: keys.LONGEST_KEYWORD])
    for parameter, target in (*rows.references, *rows.uris):
        values.setdefault(parameter, []).append(target[: keys.LONGEST_KEYWORD])
    return {
        str(parameter): [found[0]] if len(found) == 1 else sorted({min(found), max(found)})
        for parameter, found in values.items()
    }
