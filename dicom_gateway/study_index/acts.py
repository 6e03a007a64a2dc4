"""Acts on studies: what somebody decided about one after it arrived, and why. Rows are only ever added."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.contracts.errors import Conflict, NotFound

from .connection import ThreadConnections


class Kind(StrEnum):
    CORRECT = "correct"
    UNDO = "undo"
    REJECT = "reject"
    RESTORE = "restore"
    DELETE = "delete"
    REPLACE = "replace"
    """Another copy with the same pixels took the place of the first."""


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, when (microseconds since 1970 UTC), and why."""

    client: str
    role: str
    organization: str
    actor: str | None
    at_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    id: int
    study: int
    kind: Kind
    subject: str
    by: By


_COLUMNS = "id, study, kind, subject, client, role, organization, actor, at_us, reason"


class Acts:
    """Reads of what was done to a study."""

    def __init__(self, connections: ThreadConnections) -> None:
        self._connections = connections

    def of(self, study: int) -> list[Act]:
        """The oldest first."""
        return self._read("study = ?", study)

    def untold(self, study: int) -> list[Act]:
        """Those that the hub has not been told of."""
        return self._read("study = ? AND told = 0", study)

    def _read(self, where: str, study: int) -> list[Act]:
        sql = f"SELECT {_COLUMNS} FROM act WHERE {where} ORDER BY id"  # noqa: S608 - constants
        return [_act(row) for row in self._connections.get().execute(sql, (study,))]


def _act(row: tuple[Any, ...]) -> Act:
    return Act(row[0], row[1], Kind(row[2]), row[3], By(*row[4:]))


def note(connection: sqlite3.Connection, study: int, kind: Kind, subject: str, by: By, *, by_hub: bool = False) -> int:
    """Inside a transaction: the act, and that the hub is to be told of the study now. Gives the act's id. What the hub
    itself has made us do (``by_hub``) is no news to it where its studies are told by others (an ECG)."""
    row = connection.execute(
        "INSERT INTO act (study, kind, subject, reason, client, role, organization, actor, at_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (study, kind.value, subject, by.reason, by.client, by.role, by.organization, by.actor, by.at_us),
    ).fetchone()
    connection.execute(
        "UPDATE study SET revision = revision + 1, due_us = min(due_us, ?), tries = 0 WHERE id = ?"
        " AND (? OR EXISTS (SELECT 1 FROM instance i WHERE i.study = study.id AND NOT i.announced))",
        (by.at_us, study, not by_hub),
    )
    return int(row[0])


def study_row(connection: sqlite3.Connection, owner: str | None, study_uid: str) -> int:
    """Row id of an organization's study; of anybody's where ``owner`` is None and one alone has it. Raises NotFound,
    Conflict."""
    sql = "SELECT st.id FROM study st JOIN organization o ON o.id = st.owner WHERE st.uid = ?"
    rows = connection.execute(sql + (" AND o.name = ?" if owner else ""), (study_uid, owner) if owner else (study_uid,))
    found = [int(row[0]) for row in rows]
    if not found:
        raise NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
    if len(found) > 1:
        raise Conflict(
            "Several organizations have a study of this UID.", where="organization", remedy="Say whose is meant."
        )
    _must_be_here(connection, found[0])
    return found[0]


def _must_be_here(connection: sqlite3.Connection, study: int) -> None:
    if connection.execute("SELECT 1 FROM distant_study WHERE study = ?", (study,)).fetchone() is not None:
        raise Conflict(
            "The study lives at an archive of its hospital.", remedy="Have it changed there; we follow what it says."
        )
