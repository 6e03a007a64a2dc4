"""Rows of Modality Performed Procedure Steps."""

import sqlite3
from concurrent.futures import Future
from dataclasses import dataclass

from hub.contracts.errors import Conflict, NotFound

from .connection import ThreadConnections
from .group_writer import GroupWriter

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
FINAL = frozenset({COMPLETED, DISCONTINUED})


@dataclass(frozen=True, slots=True)
class PerformedStep:
    """``attributes`` are in the DICOM JSON Model, encoded."""

    owner: str
    uid: str
    status: str
    attributes: bytes
    client: str
    role: str
    id: int = 0
    revision: int = 1
    tries: int = 0


_COLUMNS = "owner, uid, status, attributes, client, role, id, revision, tries"


class PerformedSteps:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def of(self, owner: str, uid: str) -> PerformedStep | None:
        row = (
            self._connections.get()
            .execute(f"SELECT {_COLUMNS} FROM performed_step WHERE owner = ? AND uid = ?", (owner, uid))  # noqa: S608
            .fetchone()
        )
        return PerformedStep(*row) if row else None

    def create(self, step: PerformedStep, now_us: int) -> "Future[None]":
        """Fails with Conflict where there is one of this UID."""

        def change(connection: sqlite3.Connection) -> None:
            made = connection.execute(
                "INSERT OR IGNORE INTO performed_step (owner, uid, status, attributes, client, role, due_us)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (step.owner, step.uid, step.status, step.attributes, step.client, step.role, now_us),
            ).rowcount
            if not made:
                raise Conflict("A performed procedure step of this UID is known.", where="(0000,1000)")

        return self._writer.submit(change)

    def change(self, step: PerformedStep, studies: list[str], now_us: int) -> "Future[None]":
        """Put ``step`` in the place of its row as it was read; once it is final, its studies are quiet now. Fails with
        NotFound where the row has moved on meanwhile, or is final."""

        def change(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE performed_step SET status = ?, attributes = ?, client = ?, role = ?, revision = revision + 1,"
                " due_us = ?, tries = 0 WHERE owner = ? AND uid = ? AND revision = ? AND status = ?",
                (step.status, step.attributes, step.client, step.role, now_us, step.owner, step.uid, step.revision,
                 IN_PROGRESS),
            ).rowcount  # fmt: skip
            if not changed:
                raise NotFound("The performed procedure step has changed meanwhile.", where="(0000,1001)")
            for study in studies if step.status in FINAL else ():
                connection.execute(
                    "UPDATE study SET due_us = min(due_us, ?) WHERE uid = ? AND revision > told"
                    " AND owner = (SELECT id FROM organization WHERE name = ?)",
                    (now_us, study, step.owner),
                )

        return self._writer.submit(change)

    def due(self, now_us: int, limit: int) -> list[PerformedStep]:
        """Those the hub is still to be told of."""
        rows = self._connections.get().execute(
            f"SELECT {_COLUMNS} FROM performed_step WHERE revision > told AND due_us <= ? ORDER BY due_us LIMIT ?",  # noqa: S608
            (now_us, limit),
        )
        return [PerformedStep(*row) for row in rows]

    def told(self, step: PerformedStep) -> "Future[None]":
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE performed_step SET told = max(told, ?), tries = 0 WHERE id = ?", (step.revision, step.id)
            )

        return self._writer.submit(change)

    def later(self, step: PerformedStep, due_us: int) -> "Future[None]":
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE performed_step SET due_us = ?, tries = tries + 1 WHERE id = ? AND revision = ?",
                (due_us, step.id, step.revision),
            )

        return self._writer.submit(change)
