"""Rows of what may wait until after the acknowledgement: descriptions (DICOM JSON, frame table) and spool files that
the blob store has not adopted yet."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from .connection import ThreadConnections
from .group_writer import GroupWriter
from .instance_row import COLUMNS, InstanceRow

Description = tuple[bytes, bytes]
"""DICOM JSON and packed frame table."""

_MOST_VARIABLES = 900


class Deferred:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def descriptions(self, instances: Sequence[int]) -> dict[int, Description]:
        """Those that have been made already, by instance id."""
        found: dict[int, Description] = {}
        for begin in range(0, len(instances), _MOST_VARIABLES):
            some = instances[begin : begin + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            for instance, json, frames in self._connections.get().execute(
                f"SELECT instance, json, frames FROM description WHERE instance IN ({marks})", list(some)
            ):
                found[instance] = (json, frames)
        return found

    def keep(self, made: Iterable[tuple[InstanceRow, Description]]) -> "Future[None]":
        """Store descriptions; the first one of an instance stays. One of a file that the row does not name any more
        (corrected, replaced, deleted meanwhile) is let go."""
        rows = [(json, frames, row.id, row.uid, row.archive is not None, row.sha256) for row, (json, frames) in made]
        same = "id = ? AND uid = ? AND (? OR sha256 = ?)"

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany(
                f"INSERT OR IGNORE INTO description SELECT id, ?, ? FROM instance WHERE {same}",
                [(json, frames, *which) for json, frames, *which in rows],
            )
            connection.executemany(f"UPDATE instance SET described = 1 WHERE {same}", [row[2:] for row in rows])

        return self._writer.submit(change)

    def undescribed(self, limit: int) -> list[InstanceRow]:
        """Instances nobody has described yet, oldest first."""
        return self._instances("WHERE i.described = 0", limit)

    def spooled(self, limit: int) -> list[InstanceRow]:
        """Instances whose bytes still lie in the spool, oldest first."""
        return self._instances("WHERE i.spool IS NOT NULL", limit)

    def spooled_bytes(self) -> int:
        """Size of the files that lie in the spool."""
        row = (
            self._connections.get()
            .execute("SELECT coalesce(sum(size_bytes), 0) FROM instance WHERE spool IS NOT NULL")
            .fetchone()
        )
        return int(row[0])

    def latest_us(self) -> int:
        """When the latest instance came, in whichever process; 0 where none has."""
        row = self._connections.get().execute("SELECT received_us FROM instance ORDER BY id DESC LIMIT 1").fetchone()
        return int(row[0]) if row else 0

    def settled(self, instances: Iterable[InstanceRow]) -> "Future[None]":
        """The blob store has adopted the files of these."""
        rows = [(row.id, row.spool) for row in instances]

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany("UPDATE instance SET spool = NULL WHERE id = ? AND spool = ?", rows)

        return self._writer.submit(change)

    def _instances(self, where: str, limit: int) -> list[InstanceRow]:
        rows = self._connections.get().execute(
            f"""SELECT {COLUMNS} FROM instance i JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study
                {where} ORDER BY i.id LIMIT ?""",
            (limit,),
        )
        return [InstanceRow.of(row) for row in rows]
