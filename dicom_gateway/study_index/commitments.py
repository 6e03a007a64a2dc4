"""Rows of storage commitment requests that wait for their report."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from .connection import ThreadConnections
from .group_writer import GroupWriter

_objects = msgspec.json.Decoder(list[tuple[str, str]])


@dataclass(frozen=True, slots=True)
class Commitment:
    """``objects`` are (SOP class, SOP instance)."""

    owner: str
    ae_title: str
    transaction_uid: str
    objects: Sequence[tuple[str, str]]
    asked_us: int
    id: int = 0
    tries: int = 0


class Commitments:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def ask(self, wanted: Commitment) -> "Future[None]":
        """The same transaction asked again is one."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO commitment (owner, ae_title, transaction_uid, objects, asked_us, due_us)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (owner, ae_title, transaction_uid)"
                " DO UPDATE SET objects = excluded.objects, due_us = excluded.due_us, tries = 0",
                (wanted.owner, wanted.ae_title, wanted.transaction_uid, msgspec.json.encode(wanted.objects),
                 wanted.asked_us, wanted.asked_us),
            )  # fmt: skip

        return self._writer.submit(change)

    def due(self, now_us: int, limit: int) -> list[Commitment]:
        rows = self._connections.get().execute(
            "SELECT owner, ae_title, transaction_uid, objects, asked_us, id, tries FROM commitment"
            " WHERE due_us <= ? ORDER BY due_us LIMIT ?",
            (now_us, limit),
        )
        return [
            Commitment(owner, ae_title, transaction, _objects.decode(objects), asked_us, id_, tries)
            for owner, ae_title, transaction, objects, asked_us, id_, tries in rows
        ]

    def done(self, commitment: Commitment) -> "Future[None]":
        """Reported on, or given up."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM commitment WHERE id = ?", (commitment.id,))

        return self._writer.submit(change)

    def later(self, commitment: Commitment, due_us: int) -> "Future[None]":
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE commitment SET due_us = ?, tries = tries + 1 WHERE id = ?", (due_us, commitment.id)
            )

        return self._writer.submit(change)
