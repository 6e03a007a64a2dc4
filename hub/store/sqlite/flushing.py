"""Writes what a group gathered: sorted rows, many to a statement.

Sorting keeps each index's pages warm. Many rows a statement matter because every step of SQLite lets go of Python's
interpreter lock: a writer that steps row by row waits for its turn after each row, with the file locked.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

from .batch import Batch
from .facts import INDEXED_CHARACTERS, Keys, pack_links, span_of
from .records import Record
from .schema import COLUMNS, DELETED

Row = tuple[Any, ...]

_CHUNKS = (128, 16)
_KNOWN_PAIRS = 100_000

_INDEXES = frozenset({"tok", "ref", "dat", "str", "qty"})
INSERTS = {
    # An index row given twice is one row; anything else given twice is a mistake that must not be kept.
    name: f"INSERT {'OR IGNORE ' if name in _INDEXES else ''}INTO {name} VALUES ({','.join('?' * width)})"  # noqa: S608
    for name, width in COLUMNS.items()
}
_MANY = {
    (name, size): statement + f",({','.join('?' * COLUMNS[name])})" * (size - 1)
    for name, statement in INSERTS.items()
    for size in _CHUNKS
}
_DELETES = {
    "tok": "DELETE FROM tok WHERE p = ? AND h = ? AND sys = ? AND owner = ? AND pat = ? AND sd = ? AND rid = ?",
    "ref": "DELETE FROM ref WHERE p = ? AND tgt = ? AND owner = ? AND sd = ? AND rid = ?",
    "dat": "DELETE FROM dat WHERE p = ? AND span = ? AND owner = ? AND lo = ? AND hi = ? AND rid = ?",
    "str": "DELETE FROM str WHERE p = ? AND owner = ? AND v = ? AND rid = ?",
    "qty": "DELETE FROM qty WHERE p = ? AND owner = ? AND v = ? AND rid = ?",
}
_UPDATE = (
    "UPDATE res SET ver = ?, ts = ?, method = ?, sender = ?, pat = ?, sd = ?, keys = ?, links = ?, sum = ?, body = ?"
    " WHERE rid = ?"
)


class IndexState:
    """What the index rows of a resource are made of: the same for a version on disk and for one to come."""

    __slots__ = ("keys", "links", "patient_rid", "rid", "sort_date", "ts", "type_number")

    def __init__(
        self,
        rid: int,
        type_number: int,
        keys: Keys,
        links: Sequence[tuple[int, int, int]],
        patient_rid: int,
        sort_date: int,
        ts: int,
    ) -> None:
        self.rid = rid
        self.type_number = type_number
        self.keys = keys
        self.links = links
        self.patient_rid = patient_rid
        self.sort_date = sort_date
        self.ts = ts

    def rows(self, owner: int) -> dict[str, list[Row]]:
        """Its rows under an owner's number, or under a grantee's made negative."""
        made: dict[str, list[Row]] = {name: [] for name in _DELETES}
        self.add_rows(owner, made)
        return made

    def add_rows(self, owner: int, to: dict[str, list[Row]]) -> None:
        rid, pat, sd, ts, keys = self.rid, self.patient_rid, self.sort_date, self.ts, self.keys
        to["tok"] += [(p, h, sys, owner, pat, sd, rid) for p, h, sys in keys.tokens]
        to["ref"] += [(p, target, owner, sd, rid) for p, _, target in self.links]
        to["dat"].append((-self.type_number, 0, owner, ts, ts, rid))
        if keys.dates:
            to["dat"] += [(p, span_of(low, high), owner, low, high, rid) for p, low, high in keys.dates]
        if keys.strings:
            texts = dict.fromkeys((p, owner, plain[:INDEXED_CHARACTERS], rid) for p, plain, _ in keys.strings)
            to["str"] += texts
        if keys.quantities:
            to["qty"] += dict.fromkeys((p, owner, value, rid) for p, value, *_ in keys.quantities)


def before(record: Record) -> IndexState | None:
    """As the record stands on disk; None where nothing of it is indexed."""
    base = record.base
    if base is None or base.method == DELETED:
        return None
    return IndexState(record.rid, record.type_number, base.keys, base.links, base.patient_rid, base.sort_date, base.ts)


def after(record: Record, ts: int) -> IndexState | None:
    if not record.versions:
        return before(record)
    last = record.versions[-1]
    if last.content is None:
        return None
    content = last.content
    return IndexState(record.rid, record.type_number, content.keys, last.links, last.patient_rid, content.sort_date, ts)


class Flusher:
    """Keeps, for the writer's connection, which pairs of patient and owner are in the table already."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pairs: set[tuple[int, int]] = set()

    def forget(self) -> None:
        """After a rollback."""
        self._pairs.clear()

    def flush(self, batch: Batch) -> None:
        """Write everything and leave the batch empty."""
        inserts: dict[str, list[Row]] = {name: [] for name in INSERTS}
        deletes: dict[str, list[Row]] = {name: [] for name in _DELETES}
        updates: list[Row] = []
        pairs: set[tuple[int, int]] = set()
        shares: list[Row] = []
        alone: list[Row] = []
        released: list[Row] = []
        for record in batch.records.values():
            if not record.versions and not record.grants:
                continue
            self._index(batch, record, inserts, deletes, pairs, released)
            shares += [(record.rid, party) for party in record.grants]
            if record.grants and not record.versions:
                alone.append((record.rid,))
            if record.versions:
                _versions(batch.ts, record, inserts, updates)
        inserts["awaited"] = [(rid, *key) for key, rid in batch.awaited.items() if rid not in batch.records]
        execute, many = self._connection.execute, self._connection.executemany
        for rid in batch.arrived:
            execute("DELETE FROM awaited WHERE rid = ?", (rid,))
        for name, gone in deletes.items():
            if gone:
                many(_DELETES[name], gone)
        if updates:
            many(_UPDATE, updates)
        if released:
            many("DELETE FROM claim WHERE owner = ? AND p = ? AND h = ? AND sys = ? AND rid = ?", released)
        for name, rows in inserts.items():
            if rows:
                rows.sort()
                insert(self._connection, name, rows)
        if shares:
            many("INSERT OR IGNORE INTO share VALUES (?, ?)", shares)
            many("INSERT INTO share_log (rid) VALUES (?)", alone)
        if claims := _claims(batch):
            many("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?)", claims)
        if fresh := pairs - self._pairs:
            many("INSERT OR IGNORE INTO patient_owner VALUES (?, ?)", sorted(fresh))
            if len(self._pairs) > _KNOWN_PAIRS:
                self._pairs.clear()
            self._pairs |= fresh
        batch.flushed()

    def _index(
        self,
        batch: Batch,
        record: Record,
        inserts: dict[str, list[Row]],
        deletes: dict[str, list[Row]],
        pairs: set[tuple[int, int]],
        released: list[Row],
    ) -> None:
        new = after(record, batch.ts)
        if record.base is None:
            parties = [record.owner, *(-party for party in record.grants)]
            if new is not None:
                for owner in parties:
                    new.add_rows(owner, inserts)
                    if new.patient_rid:
                        pairs.add((new.patient_rid, owner))
            return
        old = before(record)
        for owner in [record.owner, *(-party for party in batch.grantees(record))]:
            kept = old is not None and -owner not in record.grants
            was = old.rows(owner) if old is not None and kept else {}
            will = new.rows(owner) if new is not None else {}
            for name in _DELETES:
                one, other = set(was.get(name, ())), set(will.get(name, ()))
                deletes[name] += sorted(one - other)
                inserts[name] += other - one
            if new is not None and new.patient_rid:
                pairs.add((new.patient_rid, owner))
        if old is not None:
            gone = set(old.keys.tokens) - set(new.keys.tokens if new is not None else ())
            released += [(record.owner, *token, record.rid) for token in gone]


def _versions(ts: int, record: Record, inserts: dict[str, list[Row]], updates: list[Row]) -> None:
    rid, base, last = record.rid, record.base, record.versions[-1]
    inserts["chg"] += [(one.seq, rid, one.version, one.method, one.sender, ts) for one in record.versions]
    if base is not None:
        inserts["hist"].append((None, rid, base.version, base.ts, base.method, base.sender, base.sum, base.body))
    for one in record.versions[:-1]:
        content = one.content
        body = (content.sum, content.packed) if content else (None, None)
        inserts["hist"].append((None, rid, one.version, ts, one.method, one.sender, *body))
    content = last.content
    if content is None:
        rest: Row = (None, None, None, None)
        sort_date = base.sort_date if base is not None else 0
    else:
        rest = (content.packed_keys, pack_links(last.links), content.sum, content.packed)
        sort_date = content.sort_date
    state = (last.version, ts, last.method)
    if base is None:
        key = (rid, record.type_number, record.id)
        inserts["res"].append((*key, *state, record.owner, last.sender, last.patient_rid, sort_date, *rest))
    else:
        updates.append((*state, last.sender, last.patient_rid, sort_date, *rest, rid))


def _claims(batch: Batch) -> list[Row]:
    """Those that still hold: the resource is there and has the identifier."""
    held = []
    for (owner, *token), rid in batch.claims.items():
        record = batch.records.get(rid)
        if record is not None and tuple(token) in record.keys.tokens:
            held.append((owner, *token, rid))
    return held


def insert(connection: sqlite3.Connection, name: str, rows: Sequence[Row]) -> None:
    """INSERT all rows, as many to a statement as the sizes allow."""
    at = 0
    for size in _CHUNKS:
        statement = _MANY[name, size]
        while len(rows) - at >= size:
            connection.execute(statement, list(chain.from_iterable(rows[at : at + size])))
            at += size
    if at < len(rows):
        connection.executemany(INSERTS[name], rows[at:])
