"""Rows of distant archives: how each has answered, the same for every process, and how far it was looked through."""

import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass

from .connection import ThreadConnections
from .group_writer import GroupWriter


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """Times are microseconds since 1970 UTC; ``failures`` are those in a row."""

    name: str
    reached_us: int | None = None
    failed_us: int | None = None
    failure: str = ""
    failures: int = 0
    closed_until_us: int = 0
    told: str = ""
    earliest_day: str = ""
    latest_us: int | None = None


_COLUMNS = "name, reached_us, failed_us, failure, failures, closed_until_us, told, earliest_day, latest_us"


class DistantArchives:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def of(self, name: str) -> ArchiveState:
        row = (
            self._connections.get()
            .execute(f"SELECT {_COLUMNS} FROM distant_archive WHERE name = ?", (name,))  # noqa: S608
            .fetchone()
        )
        return ArchiveState(*row) if row else ArchiveState(name)

    def unreachable(self, least_failures: int) -> frozenset[str]:
        """Names of those that have failed so often in a row."""
        rows = self._connections.get().execute(
            "SELECT name FROM distant_archive WHERE failures >= ?", (least_failures,)
        )
        return frozenset(row[0] for row in rows)

    def reached(self, name: str, now_us: int) -> "Future[None]":
        """It has answered as it should."""

        def change(connection: sqlite3.Connection) -> None:
            _make(connection, name)
            connection.execute(
                "UPDATE distant_archive SET reached_us = ?, failures = 0, closed_until_us = 0 WHERE name = ?",
                (now_us, name),
            )

        return self._writer.submit(change)

    def failed(self, name: str, failure: str, now_us: int, closed_until_us: int) -> "Future[None]":
        """It has not, and is left alone until then (0: it may be asked again at once)."""

        def change(connection: sqlite3.Connection) -> None:
            _make(connection, name)
            connection.execute(
                "UPDATE distant_archive SET failed_us = ?, failure = ?, failures = failures + 1,"
                " closed_until_us = max(closed_until_us, ?) WHERE name = ?",
                (now_us, failure, closed_until_us, name),
            )

        return self._writer.submit(change)

    def probe(self, name: str, now_us: int, until_us: int) -> "Future[bool]":
        """Claim the one question that an archive left alone is asked when its time has come: True for one of all who
        come at once, in any process."""

        def change(connection: sqlite3.Connection) -> bool:
            taken = connection.execute(
                "UPDATE distant_archive SET closed_until_us = ? WHERE name = ? AND closed_until_us <= ?",
                (until_us, name, now_us),
            )
            return taken.rowcount > 0

        return self._writer.submit(change)

    def told(self, name: str, status: str) -> "Future[None]":
        return self._set(name, "told", status)

    def looked_back_to(self, name: str, day: str) -> "Future[None]":
        return self._set(name, "earliest_day", day)

    def latest_looked_through(self, name: str, now_us: int) -> "Future[None]":
        return self._set(name, "latest_us", now_us)

    def _set(self, name: str, column: str, value: object) -> "Future[None]":
        def change(connection: sqlite3.Connection) -> None:
            _make(connection, name)
            connection.execute(f"UPDATE distant_archive SET {column} = ? WHERE name = ?", (value, name))  # noqa: S608

        return self._writer.submit(change)


def _make(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT OR IGNORE INTO distant_archive (name) VALUES (?)", (name,))
