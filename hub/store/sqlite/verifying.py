"""Is everything stored what was written: bodies against their hashes, index rows against what extraction says today,
versions against the change log, claims and keys against the resources they name.

One read snapshot, beside a running hub; about 0.1 ms a resource. A fault names a type and a row number, never an id or
a value.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import zstandard

from hub.contracts.errors import ExchangeError, Fault
from hub.fhir import model
from hub.fhir.extract import extract

from . import bodies, facts, receipts
from .connections import open_reader
from .flushing import IndexState, Row
from .names import Names, key_of
from .schema import DELETED, TYPE_NAMES

MOST_FAULTS = 1_000
_INDEXES = {
    "tok": "p, h, sys, owner, pat, sd, rid",
    "ref": "p, tgt, owner, sd, rid",
    "dat": "p, span, owner, lo, hi, rid",
    "str": "p, owner, v, rid",
    "qty": "p, owner, v, rid",
}
_RES = "SELECT rid, type, id, ver, ts, method, owner, pat, sd, keys, links, sum, body FROM res"
_COMPLETE = {
    "The change log has a gap.": "SELECT 1 WHERE (SELECT count(*) FROM chg) <> (SELECT ifnull(max(seq), 0) FROM chg)",
    "A version is missing in the change log.": (
        "SELECT 1 FROM res AS r LEFT JOIN (SELECT rid, count(*) AS n, max(ver) AS ver FROM chg GROUP BY rid) AS c"
        " ON c.rid = r.rid WHERE c.n IS NOT r.ver OR c.ver IS NOT r.ver"
    ),
    "The change log names a resource that is not there.": (
        "SELECT 1 FROM chg AS c WHERE NOT EXISTS (SELECT 1 FROM res AS r WHERE r.rid = c.rid)"
    ),
    "A version is missing in the history.": (
        "SELECT 1 FROM res AS r LEFT JOIN (SELECT rid, count(*) AS n, max(ver) AS ver FROM hist GROUP BY rid) AS h"
        " ON h.rid = r.rid WHERE r.ver > 1 AND (h.n IS NOT r.ver - 1 OR h.ver IS NOT r.ver - 1)"
    ),
    "An awaited target has come.": "SELECT 1 FROM awaited AS a JOIN res AS r ON r.type = a.type AND r.id = a.id",
}


def verify(path: Path) -> Iterator[str]:
    """One sentence for each fault, at most MOST_FAULTS; none where all is well."""
    connection = open_reader(path)
    try:
        connection.execute("BEGIN")
        for number, fault in enumerate(_Verification(connection).faults()):
            if number == MOST_FAULTS:
                yield "There are more faults than can be listed."
                return
            yield fault
    finally:
        connection.close()


class _Verification:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._names = Names(connection)
        self._shares: dict[int, list[int]] = {}
        self._expected = dict.fromkeys(_INDEXES, 0)
        """Sum of the hashes of the rows that each index should have."""

    def faults(self) -> Iterator[str]:
        for (answer,) in self._connection.execute("PRAGMA quick_check(10)"):
            if answer != "ok":
                yield f"SQLite: {answer}"
        for rid, party in self._connection.execute("SELECT rid, party FROM share"):
            self._shares.setdefault(rid, []).append(party)
        for row in self._connection.execute(_RES):
            yield from self._resource(row)
        for rid, kind, packed, digest, method in self._connection.execute(
            "SELECT h.rid, r.type, h.body, h.sum, h.method FROM hist AS h JOIN res AS r ON r.rid = h.rid"
        ):
            if method != DELETED:
                yield from self._body(f"An old version of {TYPE_NAMES[kind]} in row {rid}", packed, digest)
        for sentence, sql in _COMPLETE.items():
            for _ in self._connection.execute(sql):
                yield sentence
        yield from self._indexes()
        yield from self._claims()
        yield from self._receipts()

    def _resource(self, row: Row) -> Iterator[str]:
        rid, kind, resource_id, version, ts, method, owner, pat, sd, keys, links, digest, packed = row
        place = f"{TYPE_NAMES[kind]} in row {rid}"
        if method == DELETED:
            if packed is not None or keys is not None:
                yield f"{place} is deleted but still has a body or keys."
            return
        found = list(self._body(place, packed, digest))
        yield from found
        state = IndexState(rid, kind, facts.unpack_keys(keys), facts.unpack_links(links), pat, sd, ts)
        for party in (owner, *(-n for n in self._shares.get(rid, ()))):
            for name, rows in state.rows(party).items():
                self._expected[name] += _sum(rows)
        if not found:
            whole = bodies.head(TYPE_NAMES[kind], resource_id, version, bodies.instant(ts)) + bodies.unpack(packed)
            yield from self._extraction(place, TYPE_NAMES[kind], resource_id, whole, state)

    def _body(self, place: str, packed: bytes | None, digest: bytes | None) -> Iterator[str]:
        try:
            if packed is None or bodies.digest(bodies.unpack(packed)) != digest:
                yield f"{place}: the body does not match its hash."
        except Fault:
            yield f"{place}: the body cannot be unpacked."

    def _extraction(self, place: str, kind: str, resource_id: str, whole: bytes, state: IndexState) -> Iterator[str]:
        try:
            rows = extract(kind, model.decode(whole, kind), resource_id)
        except ExchangeError:
            yield f"{place}: the body is no valid resource."
            return
        keys = facts.keys_of(rows)
        same = all(set(one) == set(other) for one, other in zip(_lists(keys), _lists(state.keys), strict=True))
        targets = {(parameter, self._names.rid(key_of(text))) for parameter, text in rows.references}
        if not same or targets != {(parameter, target) for parameter, _, target in state.links}:
            yield f"{place}: what it is found by is not what its body says."

    def _indexes(self) -> Iterator[str]:
        for name, columns in _INDEXES.items():
            rows = self._connection.execute(f"SELECT {columns} FROM {name}")  # noqa: S608 - constants
            if _sum(rows) != self._expected[name]:
                yield from self._index(name, columns)

    def _index(self, name: str, columns: str) -> Iterator[str]:
        """Which rows of an index are wrong: row by row against their resources, then the other way round."""
        seen: dict[int, int] = {}
        for row in self._connection.execute(f"SELECT {columns} FROM {name}"):  # noqa: S608 - constants
            rid = row[-1]
            if row not in self._rows(name, rid):
                yield f"Index {name} has a row that resource row {rid} does not account for."
            else:
                seen[rid] = seen.get(rid, 0) + 1
        for (rid,) in self._connection.execute("SELECT rid FROM res"):
            missing = len(self._rows(name, rid)) - seen.get(rid, 0)
            if missing > 0:
                yield f"Index {name} lacks {missing} rows of resource row {rid}."

    def _rows(self, name: str, rid: int) -> set[Row]:
        row = self._connection.execute(f"{_RES} WHERE rid = ?", (rid,)).fetchone()
        if row is None or row[5] == DELETED:
            return set()
        _, kind, _, _, ts, _, owner, pat, sd, keys, links, *_ = row
        state = IndexState(rid, kind, facts.unpack_keys(keys), facts.unpack_links(links), pat, sd, ts)
        parties = (owner, *(-n for n in self._shares.get(rid, ())))
        return {one for party in parties for one in state.rows(party)[name]}

    def _claims(self) -> Iterator[str]:
        sql = (
            "SELECT c.p, c.h, c.sys, c.rid, c.owner, r.owner, r.method, r.keys"
            " FROM claim AS c LEFT JOIN res AS r ON r.rid = c.rid"
        )
        for parameter, code, system, rid, owner, holder, method, keys in self._connection.execute(sql):
            held = method not in (None, DELETED) and owner == holder
            if not held or (parameter, code, system) not in facts.unpack_keys(keys).tokens:
                yield f"An identifier is claimed for resource row {rid}, which does not have it."

    def _receipts(self) -> Iterator[str]:
        for n, packed in self._connection.execute("SELECT n, receipt FROM submission_key"):
            try:
                receipt = receipts.unpack(packed)
            except (zstandard.ZstdError, msgspec.DecodeError, IndexError):
                yield f"The receipt in row {n} cannot be read."
                continue
            for one in receipt.outcomes:
                row = self._connection.execute(
                    "SELECT ver FROM res WHERE type = ? AND id = ?", (TYPE_NAMES.index(one.type), one.id)
                ).fetchone()
                if one.version and (row is None or row[0] < one.version):
                    yield f"The receipt in row {n} names a version that is not there."


def _sum(rows: Iterable[Row]) -> int:
    return sum(map(hash, rows))


def _lists(keys: facts.Keys) -> tuple[list[Row], ...]:
    return [*keys.tokens], [*keys.dates], [*keys.strings], [*keys.quantities]
