"""Instances that are neither found nor given any more: named by a rejection note (IHE IOCM), or deleted.

A rejected instance is laid aside whole and can come back; of a deleted one only the act remains. Inside a transaction.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from . import acts
from .acts import By, Kind
from .parting import recount

if TYPE_CHECKING:
    from .placing import Arrival

_COLUMNS = """owner, uid, series, study, sop_class, number, rows, columns, bits_allocated, frames, transfer_syntax,
    size_bytes, data_set_at, sha256, spool, client, received_us, announced, characters, corrected"""
_MOST_VARIABLES = 900


class Freed(NamedTuple):
    """A file that a deleted instance had: its hash, its name in the spool, and the SOP Instance UID in it."""

    uid: str
    sha256: bytes
    spool: str | None


def is_rejected(connection: sqlite3.Connection, owner: int, uid: str) -> bool:
    return connection.execute("SELECT 1 FROM rejected WHERE owner = ? AND uid = ?", (owner, uid)).fetchone() is not None


def is_withdrawn(connection: sqlite3.Connection, owner: int, uid: str) -> bool:
    sql = "SELECT 1 FROM withdrawn WHERE owner = ? AND uid = ?"
    return connection.execute(sql, (owner, uid)).fetchone() is not None


def was_received(connection: sqlite3.Connection, owner: int, arrival: "Arrival") -> bool:
    """Are these the bytes as they came, of an instance that is served corrected, or that another copy replaced?"""
    sql = (
        "SELECT 1 FROM instance i JOIN received_file f ON f.instance = i.id WHERE i.owner = ? AND i.uid = ?"
        " AND f.sha256 = ? UNION ALL SELECT 1 FROM instance i JOIN replaced_file f ON f.instance = i.id"
        " WHERE i.owner = ? AND i.uid = ? AND f.sha256 = ?"
    )
    key = (owner, arrival.header.sop_instance_uid, arrival.sha256)
    return connection.execute(sql, (*key, *key)).fetchone() is not None


def withdraw(connection: sqlite3.Connection, owner: int, uids: Sequence[str]) -> frozenset[int]:
    """Lay aside those of the instances that are there; the studies (row ids) they were of."""
    studies: set[int] = set()
    for instance, study in _rows(connection, "instance", owner, uids):
        aside = connection.execute(
            f"INSERT INTO withdrawn ({_COLUMNS}) SELECT {_COLUMNS} FROM instance WHERE id = ? RETURNING id", (instance,)
        ).fetchone()[0]
        _leave(connection, instance)
        _refer(connection, instance, -aside)
        studies.add(study)
    for study in studies:
        recount(connection, study)
    return frozenset(studies)


def restore(connection: sqlite3.Connection, owner: int, uids: Sequence[str]) -> frozenset[int]:
    """Bring back what ``withdraw`` laid aside; the studies it is of."""
    studies: set[int] = set()
    for aside, study in _rows(connection, "withdrawn", owner, uids):
        back = connection.execute(
            f"INSERT INTO instance ({_COLUMNS}) SELECT {_COLUMNS} FROM withdrawn WHERE id = ? RETURNING id", (aside,)
        ).fetchone()[0]
        connection.execute("DELETE FROM withdrawn WHERE id = ?", (aside,))
        _refer(connection, -aside, back)
        studies.add(study)
    for study in studies:
        recount(connection, study)
    return frozenset(studies)


def delete(connection: sqlite3.Connection, study: int, series_uid: str | None, uid: str | None) -> list[Freed]:
    """Remove instances of a study, laid aside ones too, for good. The rows of study and series stay, empty, so that the
    hub can be told and the acts have their study."""
    freed: list[Freed] = []
    where, values = "x.study = ?", [study, *(one for one in (series_uid, uid) if one is not None)]
    where += " AND se.uid = ?" if series_uid is not None else ""
    where += " AND x.uid = ?" if uid is not None else ""
    for table, sign in (("instance", 1), ("withdrawn", -1)):
        sql = f"SELECT x.id, x.uid, x.sha256, x.spool FROM {table} x JOIN series se ON se.id = x.series WHERE {where}"
        for row, sop_uid, sha256, spool in connection.execute(sql, values).fetchall():
            freed.append(Freed(sop_uid, sha256, spool))
            for kept in ("received_file", "replaced_file"):
                rows = connection.execute(f"DELETE FROM {kept} WHERE instance = ? RETURNING sha256", (row * sign,))
                freed += [Freed(sop_uid, one[0], None) for one in rows.fetchall()]
            connection.execute(f"DELETE FROM {table} WHERE id = ?", (row,))
            if table == "instance":
                connection.execute("DELETE FROM description WHERE instance = ?", (row,))
    recount(connection, study)
    return freed


def is_referred_to(connection: sqlite3.Connection, file: Freed) -> bool:
    """Does any row still name these bytes? The UID stands within them, so that only its rows can."""
    sql = """SELECT 1 FROM instance WHERE uid = :uid AND sha256 = :sha256
        UNION ALL SELECT 1 FROM withdrawn WHERE uid = :uid AND sha256 = :sha256
        UNION ALL SELECT 1 FROM replaced_file WHERE uid = :uid AND sha256 = :sha256
        UNION ALL SELECT 1 FROM instance i JOIN received_file f ON f.instance = i.id
            WHERE i.uid = :uid AND f.sha256 = :sha256
        UNION ALL SELECT 1 FROM withdrawn w JOIN received_file f ON f.instance = -w.id
            WHERE w.uid = :uid AND f.sha256 = :sha256"""
    return connection.execute(sql, {"uid": file.uid, "sha256": file.sha256}).fetchone() is not None


def _rows(connection: sqlite3.Connection, table: str, owner: int, uids: Sequence[str]) -> Iterator[tuple[int, int]]:
    for begin in range(0, len(uids), _MOST_VARIABLES):
        some = uids[begin : begin + _MOST_VARIABLES]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT id, study FROM {table} WHERE owner = ? AND uid IN ({marks}) ORDER BY id"
        yield from connection.execute(sql, [owner, *some]).fetchall()


def _leave(connection: sqlite3.Connection, instance: int) -> None:
    connection.execute("DELETE FROM description WHERE instance = ?", (instance,))
    connection.execute("DELETE FROM instance WHERE id = ?", (instance,))


def _refer(connection: sqlite3.Connection, was: int, now: int) -> None:
    for table in ("received_file", "replaced_file"):
        connection.execute(f"UPDATE {table} SET instance = ? WHERE instance = ?", (now, was))


def reject(connection: sqlite3.Connection, owner: str, note_uid: str, title: str, uids: Sequence[str], by: By) -> None:
    """What a rejection note asks: the instances are laid aside, those that come later too. Doing it again is once."""
    organization = connection.execute("SELECT id FROM organization WHERE name = ?", (owner,)).fetchone()[0]
    connection.executemany(
        "INSERT OR IGNORE INTO rejected (owner, uid, title, note_uid) VALUES (?, ?, ?, ?)",
        [(organization, uid, title, note_uid) for uid in uids],
    )
    for study in withdraw(connection, organization, uids):
        acts.note(connection, study, Kind.REJECT, note_uid, by)


def revoke(connection: sqlite3.Connection, owner: int, note_uid: str, by: By) -> None:
    """A rejection note is no more: what it alone rejected comes back."""
    rows = connection.execute("DELETE FROM rejected WHERE owner = ? AND note_uid = ? RETURNING uid", (owner, note_uid))
    for study in restore(connection, owner, [row[0] for row in rows.fetchall()]):
        acts.note(connection, study, Kind.RESTORE, note_uid, by)
