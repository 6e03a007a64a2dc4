"""Rows of objects that go on to others, and of those others."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from .connection import ThreadConnections
from .group_writer import GroupWriter

FOLLOWER = "routes"


@dataclass(frozen=True, slots=True)
class RouteItem:
    """One object for one destination."""

    destination: str
    instance: int
    uid: str
    route: str
    priority: int
    commitment: bool
    id: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An instance that rules have not been asked about: its id and UID, and what they look at."""

    instance: int
    uid: str
    organization: str
    ae_title: str
    modality: str
    body_part: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Times are microseconds since 1970 UTC; ``failures`` are those in a row."""

    destination: str
    waiting: int
    uncommitted: int
    sent: int
    sent_us: int | None
    failures: int
    failed_us: int | None
    error: str
    due_us: int
    oldest_us: int | None


_ITEM = "destination, instance, uid, route, priority, commitment, id, tries"


class RouteItems:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def begin(self, *, any_rules: bool) -> "Future[None]":
        """Rules hold for what comes from now on, where there were none before."""

        def change(connection: sqlite3.Connection) -> None:
            if not any_rules:
                connection.execute("DELETE FROM follower WHERE name = ?", (FOLLOWER,))
                return
            connection.execute(
                "INSERT OR IGNORE INTO follower (name, position)"
                " VALUES (?, (SELECT coalesce(max(id), 0) FROM instance))",
                (FOLLOWER,),
            )

        return self._writer.submit(change)

    def queue_next(self, judge: Callable[[Newcomer], Sequence[RouteItem]], now_us: int, limit: int) -> "Future[int]":
        """Let ``judge`` say where each of the next instances goes; how many there were. In one transaction with the
        follower's position, so that none is missed and none is asked about for nothing."""

        def change(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                """SELECT i.id, i.uid, o.name, st.ae_title, se.modality, se.body_part
                   FROM instance i JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study
                       JOIN organization o ON o.id = i.owner
                   WHERE i.id > (SELECT position FROM follower WHERE name = ?)
                       AND NOT EXISTS (SELECT 1 FROM distant_instance d WHERE d.instance = i.id)
                   ORDER BY i.id LIMIT ?""",
                (FOLLOWER, limit),
            ).fetchall()
            if not rows:
                return 0
            items = [item for row in rows for item in judge(Newcomer(*row))]
            connection.executemany(
                "INSERT OR IGNORE INTO route_item (destination, instance, uid, route, priority, commitment, queued_us,"
                " due_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (one.destination, one.instance, one.uid, one.route, one.priority, one.commitment, now_us, now_us)
                    for one in items
                ],
            )
            connection.execute("UPDATE follower SET position = ? WHERE name = ?", (rows[-1][0], FOLLOWER))
            return len(rows)

        return self._writer.submit(change)

    def has_newcomers(self) -> bool:
        row = self._connections.get().execute(
            "SELECT (SELECT max(id) FROM instance) > (SELECT position FROM follower WHERE name = ?)", (FOLLOWER,)
        )
        return bool(row.fetchone()[0])

    def due(self, destination: str, now_us: int, limit: int) -> list[RouteItem]:
        """The most urgent first, then the oldest; none while the destination is left alone."""
        connection = self._connections.get()
        alone = connection.execute(
            "SELECT 1 FROM route_destination WHERE destination = ? AND due_us > ?", (destination, now_us)
        ).fetchone()
        if alone:
            return []
        rows = connection.execute(
            f"SELECT {_ITEM} FROM route_item WHERE destination = ? AND due_us <= ? ORDER BY priority, id LIMIT ?",
            (destination, now_us, limit),
        )
        return [
            RouteItem(place, instance, uid, route, priority, bool(commitment), id_, tries)
            for place, instance, uid, route, priority, commitment, id_, tries in rows
        ]

    def arrived(self, destination: str, items: Sequence[RouteItem], now_us: int) -> "Future[None]":
        """The destination has them, and need not commit to them."""

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany("DELETE FROM route_item WHERE id = ?", [(one.id,) for one in items])
            _count(connection, destination, len(items), now_us)

        return self._writer.submit(change)

    def taken(self, items: Sequence[RouteItem], transaction_uid: str, again_us: int) -> "Future[None]":
        """The destination has them and was asked to commit to keep them; without its word they go out again then."""

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE route_item SET transaction_uid = ?, due_us = ?, tries = tries + 1,"
                " error = 'commitment is awaited' WHERE id = ?",
                [(transaction_uid, again_us, one.id) for one in items],
            )

        return self._writer.submit(change)

    def committed(
        self, destination: str, transaction_uid: str, kept: Sequence[str], lost: Sequence[str], now_us: int
    ) -> "Future[int]":
        """The destination's word, by SOP Instance UID; how many items it was about."""

        def change(connection: sqlite3.Connection) -> int:
            done = sum(
                connection.execute(
                    "DELETE FROM route_item WHERE destination = ? AND transaction_uid = ? AND uid = ?",
                    (destination, transaction_uid, uid),
                ).rowcount
                for uid in kept
            )
            again = sum(
                connection.execute(
                    "UPDATE route_item SET transaction_uid = '', due_us = ?, error = 'it did not commit to keep it'"
                    " WHERE destination = ? AND transaction_uid = ? AND uid = ?",
                    (now_us + 60_000_000, destination, transaction_uid, uid),
                ).rowcount
                for uid in lost
            )
            _count(connection, destination, done, now_us)
            return done + again

        return self._writer.submit(change)

    def refused(self, item: RouteItem, error: str, due_us: int) -> "Future[None]":
        """The destination did not take this one."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE route_item SET due_us = ?, tries = tries + 1, error = ? WHERE id = ?", (due_us, error, item.id)
            )

        return self._writer.submit(change)

    def unreached(self, destination: str, error: str, now_us: int, due_us: int) -> "Future[None]":
        """The destination is away; everything for it waits until then."""

        def change(connection: sqlite3.Connection) -> None:
            _make(connection, destination)
            connection.execute(
                "UPDATE route_destination SET failures = failures + 1, failed_us = ?, error = ?, due_us = ?"
                " WHERE destination = ?",
                (now_us, error, due_us, destination),
            )

        return self._writer.submit(change)

    def drop(self, item: RouteItem) -> "Future[None]":
        """The object is not here any more."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM route_item WHERE id = ?", (item.id,))

        return self._writer.submit(change)

    def failures(self, destination: str) -> int:
        row = (
            self._connections.get()
            .execute("SELECT failures FROM route_destination WHERE destination = ?", (destination,))
            .fetchone()
        )
        return int(row[0]) if row else 0

    def status(self) -> list[Destination]:
        """Every destination that something was sent to or waits for, by name."""
        rows = self._connections.get().execute(
            """SELECT n.destination, coalesce(w.waiting, 0), coalesce(w.uncommitted, 0), coalesce(d.sent, 0), d.sent_us,
                   coalesce(d.failures, 0), d.failed_us, coalesce(nullif(d.error, ''), w.error, ''),
                   coalesce(d.due_us, 0), w.oldest_us
               FROM (SELECT destination FROM route_destination UNION SELECT destination FROM route_item) n
                   LEFT JOIN route_destination d ON d.destination = n.destination
                   LEFT JOIN (SELECT destination, count(*) AS waiting, sum(transaction_uid <> '') AS uncommitted,
                       min(queued_us) AS oldest_us, max(error) AS error FROM route_item GROUP BY destination) w
                       ON w.destination = n.destination
               ORDER BY n.destination"""
        )
        return [Destination(*row) for row in rows]


def step_back(connection: sqlite3.Connection, instance: int) -> None:
    """Before a row of instance is deleted: where it is the latest, its id will be given to the next."""
    connection.execute(
        "UPDATE follower SET position = min(position, ?) WHERE NOT EXISTS (SELECT 1 FROM instance WHERE id > ?)",
        (instance - 1, instance),
    )


def _count(connection: sqlite3.Connection, destination: str, sent: int, now_us: int) -> None:
    _make(connection, destination)
    connection.execute(
        "UPDATE route_destination SET sent = sent + ?, sent_us = ?, failures = 0, error = '', due_us = 0"
        " WHERE destination = ?",
        (sent, now_us, destination),
    )


def _make(connection: sqlite3.Connection, destination: str) -> None:
    connection.execute("INSERT OR IGNORE INTO route_destination (destination) VALUES (?)", (destination,))
