"""Which file an instance's row names: the one that was received, or a corrected copy of it.

A study's correction is in force at once; the copies are made by whoever reads first, or by ``aftercare``.
"""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from .connection import ThreadConnections
from .group_writer import GroupWriter
from .instance_row import COLUMNS, InstanceRow

_FROM = "FROM instance i JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study"
_FILE = "sha256, size_bytes, data_set_at, transfer_syntax, characters"
_FILE_COLUMNS = len(_FILE.split(","))


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A corrected copy that the blob store holds."""

    sha256: bytes
    size_bytes: int
    data_set_at: int
    transfer_syntax: str
    characters: str


class ServedFiles:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def stale(self, limit: int) -> list[InstanceRow]:
        """Instances whose row does not name the file that their study's correction asks for."""
        sql = (
            f"SELECT {COLUMNS} {_FROM} WHERE st.correction IS NOT NULL AND i.corrected IS NOT st.correction"
            f" UNION ALL SELECT {COLUMNS} FROM received_file f JOIN instance i ON i.id = f.instance"
            " JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study WHERE st.correction IS NULL LIMIT ?"
        )
        return [InstanceRow.of(row) for row in self._connections.get().execute(sql, (limit,))]

    def received(self, row: InstanceRow) -> InstanceRow:
        """The instance with the file that was received."""
        found = self._connections.get().execute(f"SELECT {_FILE} FROM received_file WHERE instance = ?", (row.id,))
        file = found.fetchone()
        return replace(row, spool=None, **dict(zip(_FILE.split(", "), file, strict=True))) if file else row

    def every_received(self) -> Iterator[InstanceRow]:
        """Received files behind corrected copies, for verification."""
        sql = (
            f"SELECT {COLUMNS}, {', '.join('f.' + name.strip() for name in _FILE.split(','))} {_FROM}"
            " JOIN received_file f ON f.instance = i.id ORDER BY i.id"
        )
        for row in self._connections.get().execute(sql).fetchall():
            file = dict(zip(_FILE.split(", "), row[-_FILE_COLUMNS:], strict=True))
            yield replace(InstanceRow.of(row[:-_FILE_COLUMNS]), spool=None, **file)

    def serve(self, row: InstanceRow, copy: CopiedFile, correction: int) -> "Future[None]":
        """From now on the row names ``copy``, if that correction is still in force."""
        return self._writer.submit(partial(_serve, row=row, copy=copy, correction=correction))

    def serve_received(self, row: InstanceRow) -> "Future[None]":
        """From now on the row names the file that was received, if no correction is in force."""
        return self._writer.submit(partial(_serve_received, row=row))


def _serve(connection: sqlite3.Connection, row: InstanceRow, copy: CopiedFile, correction: int) -> None:
    if not _is_in_force(connection, row, correction):
        return
    connection.execute(
        f"INSERT OR IGNORE INTO received_file (instance, {_FILE}) SELECT id, {_FILE} FROM instance WHERE id = ?",
        (row.id,),
    )
    file = (copy.sha256, copy.size_bytes, copy.data_set_at, copy.transfer_syntax, copy.characters)
    _name(connection, row.id, file, correction)


def _serve_received(connection: sqlite3.Connection, row: InstanceRow) -> None:
    if not _is_in_force(connection, row, None):
        return
    file = connection.execute(f"SELECT {_FILE} FROM received_file WHERE instance = ?", (row.id,)).fetchone()
    if file is not None:
        _name(connection, row.id, file, None)
        connection.execute("DELETE FROM received_file WHERE instance = ?", (row.id,))


def _is_in_force(connection: sqlite3.Connection, row: InstanceRow, correction: int | None) -> bool:
    sql = (
        "SELECT 1 FROM instance i JOIN study st ON st.id = i.study WHERE i.id = ? AND i.uid = ? AND st.correction IS ?"
    )
    return connection.execute(sql, (row.id, row.uid, correction)).fetchone() is not None


def _name(connection: sqlite3.Connection, instance: int, file: tuple[object, ...], correction: int | None) -> None:
    # A copy that gives way to another stays known, so that it is freed with the instance.
    connection.execute(
        "INSERT INTO replaced_file (instance, uid, sha256, transfer_syntax, act) SELECT i.id, i.uid, i.sha256,"
        " i.transfer_syntax, c.act FROM instance i JOIN correction c ON c.id = i.corrected WHERE i.id = ?",
        (instance,),
    )
    connection.execute(
        f"UPDATE instance SET ({_FILE}) = (?, ?, ?, ?, ?), spool = NULL, corrected = ?, described = 0 WHERE id = ?",
        (*file, correction, instance),
    )
    connection.execute("DELETE FROM description WHERE instance = ?", (instance,))
