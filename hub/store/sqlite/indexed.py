"""What a search index is fed from: current versions with their readers, in the order of the change log or of age."""

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from hub.contracts.search import Counted, Indexed, Mark

from .names import Names
from .reading import rows_of, stored_of
from .schema import DELETED, ORGANIZATION, TYPE_NAMES, TYPE_NUMBERS

_SHARES = (
    "SELECT s.rid, p.kind, p.name FROM json_each(?) AS j CROSS JOIN share AS s ON s.rid = j.value"
    " CROSS JOIN party AS p ON p.n = s.party"
)
_CENSUS = (
    "SELECT r.rid, r.type, r.id, r.ver, (SELECT count(*) FROM share AS s WHERE s.rid = r.rid) FROM res AS r"
    " WHERE r.rid > ? AND r.rid <= ? AND r.method <> ? ORDER BY r.rid"
)
_encode = msgspec.json.Encoder().encode


def mark(connection: sqlite3.Connection) -> Mark:
    (changes,) = connection.execute("SELECT max(seq) FROM chg").fetchone()
    (shares,) = connection.execute("SELECT max(n) FROM share_log").fetchone()
    return Mark(changes or 0, shares or 0)


def touched_since(connection: sqlite3.Connection, since: Mark, limit: int) -> tuple[list[int], Mark]:
    changes = connection.execute(
        "SELECT seq, rid FROM chg WHERE seq > ? ORDER BY seq LIMIT ?", (since.changes, limit)
    ).fetchall()
    shares = connection.execute(
        "SELECT n, rid FROM share_log WHERE n > ? ORDER BY n LIMIT ?", (since.shares, limit)
    ).fetchall()
    reached = Mark(changes[-1][0] if changes else since.changes, shares[-1][0] if shares else since.shares)
    return list(dict.fromkeys(rid for _, rid in (*changes, *shares))), reached


def indexed(connection: sqlite3.Connection, names: Names, rids: Sequence[int]) -> list[Indexed]:
    readers: dict[int, list[str]] = {}
    for rid, kind, name in connection.execute(_SHARES, (_encode(list(rids)).decode(),)):
        readers.setdefault(rid, []).append(f"{'o' if kind == ORGANIZATION else 'c'}:{name}")
    found = []
    for rid, row in rows_of(connection, rids).items():
        one = stored_of(row, names)
        shared = tuple(sorted(readers.get(rid, ())))
        body = b"" if one.deleted else one.body
        found.append(Indexed(rid, one.type, one.id, one.version, row[4], one.owner, shared, one.patient, body))
    return found


def live_rids(connection: sqlite3.Connection, after: int, limit: int) -> list[int]:
    sql = "SELECT rid FROM res WHERE rid > ? AND method <> ? ORDER BY rid LIMIT ?"
    return [rid for (rid,) in connection.execute(sql, (after, DELETED, limit))]


def newest_rid(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT max(rid) FROM res").fetchone()[0] or 0


def census(connection: sqlite3.Connection, after: int, to: int) -> Iterator[Counted]:
    for rid, kind, resource_id, version, shares in connection.execute(_CENSUS, (after, to, DELETED)):
        yield Counted(rid, TYPE_NAMES[kind], resource_id, version, shares)


def rids_of(connection: sqlite3.Connection, references: Sequence[str]) -> dict[str, int]:
    found = {}
    for reference in references:
        kind, _, resource_id = reference.partition("/")
        sql = "SELECT rid FROM res WHERE type = ? AND id = ?"
        row = connection.execute(sql, (TYPE_NUMBERS.get(kind, 0), resource_id)).fetchone()
        if row is not None:
            found[reference] = row[0]
    return found
