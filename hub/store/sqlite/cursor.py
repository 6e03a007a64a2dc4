"""Where a page of a search ended, as an opaque text for the next link.

It says how the search was answered (so that the next page is found the same way, however the store has grown), the row
it ended at, and the newest resource there was when the first page was read: what was created since does not slip in.
It grants nothing: scope and criteria are applied anew.
"""

import base64
import hashlib
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect
from hub.fhir.search import SearchQuery

from .planning import Plan, Way

_VERSION = 1


class Cursor(msgspec.Struct, array_like=True, frozen=True):
    """``place``: key of the scan, ``row``: the row in it (see ``scans``), or what a way of its own keeps there."""

    version: int
    query: bytes
    lead: int
    way: int
    patient: int | None
    ceiling: int
    place: list[Any]
    row: list[Any]

    @property
    def plan(self) -> Plan:
        return Plan(self.lead, Way(self.way), self.patient)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Cursor).decode


def write(query: SearchQuery, plan: Plan, ceiling: int, place: tuple[Any, ...], row: tuple[Any, ...]) -> str:
    cursor = Cursor(
        _VERSION, fingerprint(query), plan.lead, int(plan.way), plan.patient, ceiling, list(place), list(row)
    )
    return base64.urlsafe_b64encode(_encode(cursor)).decode().rstrip("=")


def read(text: str, query: SearchQuery) -> Cursor:
    """Raises Incorrect (400) for a cursor that is not one of this search's."""
    try:
        cursor = _decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        known = cursor.version == _VERSION and cursor.query == fingerprint(query) and cursor.way in set(Way)
    except (msgspec.DecodeError, ValueError):
        known = False
    if not known:
        raise Incorrect(
            "The cursor does not belong to this search.",
            remedy="Follow the next link as it stands, or search again from the first page.",
            http_status=400,
        )
    return cursor


def fingerprint(query: SearchQuery) -> bytes:
    """Of what was asked, not of how it was widened or answered; ``_count`` may change between pages."""
    kept = [pair for pair in query.pairs if pair[0] not in ("_count", "_total", "_summary")]
    asked = (query.type, kept, [(key.code, key.descending) for key in query.sort], len(query.criteria))
    return hashlib.blake2b(repr(asked).encode(), digest_size=6).digest()
