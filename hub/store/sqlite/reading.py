"""Rows of ``res`` and ``hist`` as resources."""

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.store import Stored

from . import bodies
from .facts import Facts
from .names import Names
from .schema import DELETED, METHODS, TYPE_NAMES

Row = tuple[Any, ...]
COLUMNS = "r.rid, r.type, r.id, r.ver, r.ts, r.method, r.owner, r.sender, r.pat, r.body"
_BY_RID = f"SELECT {COLUMNS} FROM json_each(?) AS j CROSS JOIN res AS r ON r.rid = j.value"  # noqa: S608 - constants
_FACTS = (
    "SELECT r.rid, r.owner, r.pat, r.ts, r.keys, r.links FROM json_each(?) AS j CROSS JOIN res AS r ON r.rid = j.value"
)
_WHOLE = f"SELECT {COLUMNS}, r.keys, r.links FROM json_each(?) AS j CROSS JOIN res AS r ON r.rid = j.value"  # noqa: S608
_encode = msgspec.json.Encoder().encode


def stored_of(row: Row, names: Names) -> Stored:
    """A row of COLUMNS as a resource."""
    _, kind, resource_id, version, ts, method, owner, sender, patient_rid, packed = row
    resource_type, updated = TYPE_NAMES[kind], bodies.instant(ts)
    body = b""
    if packed is not None:
        body = bodies.head(resource_type, resource_id, version, updated) + bodies.unpack(packed)
    return Stored(
        resource_type,
        resource_id,
        version,
        updated,
        body,
        names.party_name(owner),
        names.party_name(sender),
        names.patient_id(patient_rid),
        method == DELETED,
        METHODS[method],
    )


def rows_of(connection: sqlite3.Connection, rids: Iterable[int]) -> dict[int, Row]:
    """Current rows by rid."""
    return {row[0]: row for row in connection.execute(_BY_RID, (_encode(list(rids)).decode(),))}


def facts_of(connection: sqlite3.Connection, rids: Iterable[int]) -> dict[int, Facts]:
    rows = connection.execute(_FACTS, (_encode(list(rids)).decode(),))
    return {row[0]: Facts(*row) for row in rows}


def whole_of(connection: sqlite3.Connection, rids: Iterable[int]) -> tuple[dict[int, Facts], dict[int, Row]]:
    """``facts_of`` and ``rows_of`` by one look."""
    facts: dict[int, Facts] = {}
    rows: dict[int, Row] = {}
    for row in connection.execute(_WHOLE, (_encode(list(rids)).decode(),)):
        rid = row[0]
        rows[rid] = row[:10]
        facts[rid] = Facts(rid, row[6], row[8], row[4], row[10], row[11])
    return facts, rows
