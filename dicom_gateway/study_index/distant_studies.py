"""Rows of studies that live at an archive: heard of, looked up, fetched object by object, gone."""

import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from .connection import ThreadConnections
from .group_writer import GroupWriter
from .placing import Arrival, place, take_away

DISTANT = "(SELECT d.archive || CASE d.gone WHEN 1 THEN '!' ELSE '' END FROM distant_study d WHERE d.study = st.id)"
"""The archive where a study (alias st) lives, if not here, with an exclamation mark where it is gone from there."""


@dataclass(frozen=True, slots=True)
class DistantStudy:
    archive: str
    uid: str
    announced: bool = False
    patient: str | None = None
    tries: int = 0
    study: int | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the first fetch of an object tells of its file."""

    instance: int
    sop_class: str
    transfer_syntax: str
    size_bytes: int
    data_set_at: int
    sha256: bytes
    characters: str


_COLUMNS = "archive, uid, announced, patient, tries, study, gone"


class DistantStudies:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def hear_of(self, archive: str, uids: Iterable[str], now_us: int) -> "Future[None]":
        """The archive has, or had, something new about these studies: look them up."""
        rows = [(archive, uid, now_us, now_us) for uid in uids]

        def change(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO distant_study (archive, uid, announced, heard_us, due_us) VALUES (?, ?, 0, ?, ?)"
                " ON CONFLICT (archive, uid) DO UPDATE SET tries = 0, due_us = excluded.due_us,"
                " heard_us = iif(due_us IS NULL, excluded.heard_us, heard_us)",
                rows,
            )

        return self._writer.submit(change)

    def hear_announced(self, archive: str, uid: str, patient: str | None, now_us: int) -> "Future[None]":
        """The same of a study whose ImagingStudy the hub has already, of this Patient."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO distant_study (archive, uid, announced, patient, heard_us, due_us)"
                " VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT (archive, uid) DO UPDATE SET due_us = excluded.due_us,"
                " heard_us = iif(due_us IS NULL, excluded.heard_us, heard_us), tries = 0, announced = 1,"
                " patient = coalesce(excluded.patient, patient)",
                (archive, uid, patient, now_us, now_us),
            )

        return self._writer.submit(change)

    def due(self, archive: str, now_us: int, limit: int) -> list[DistantStudy]:
        rows = self._connections.get().execute(
            f"SELECT {_COLUMNS} FROM distant_study WHERE archive = ? AND due_us <= ? ORDER BY due_us LIMIT ?",  # noqa: S608
            (archive, now_us, limit),
        )
        return [_study(row) for row in rows]

    def of(self, archive: str, uid: str) -> DistantStudy | None:
        row = (
            self._connections.get()
            .execute(f"SELECT {_COLUMNS} FROM distant_study WHERE archive = ? AND uid = ?", (archive, uid))  # noqa: S608
            .fetchone()
        )
        return _study(row) if row else None

    def counts(self, archive: str) -> tuple[int, int, int | None]:
        """(studies known, studies to be looked up, when the longest waiting of these was heard of)."""
        row = (
            self._connections.get()
            .execute(
                "SELECT count(study), count(due_us), min(CASE WHEN due_us IS NOT NULL THEN heard_us END)"
                " FROM distant_study WHERE archive = ?",
                (archive,),
            )
            .fetchone()
        )
        return int(row[0]), int(row[1]), row[2]

    def instance_count(self, archive: str, uid: str) -> int | None:
        """How many objects of a study are known, here or there; None for a study never looked up or to be looked up."""
        row = (
            self._connections.get()
            .execute(
                "SELECT st.instance_count FROM distant_study d JOIN study st ON st.id = d.study"
                " WHERE d.archive = ? AND d.uid = ? AND d.gone = 0 AND d.due_us IS NULL",
                (archive, uid),
            )
            .fetchone()
        )
        return int(row[0]) if row else None

    def later(self, study: DistantStudy, due_us: int) -> "Future[None]":
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE distant_study SET due_us = ?, tries = tries + 1 WHERE archive = ? AND uid = ?",
                (due_us, study.archive, study.uid),
            )

        return self._writer.submit(change)

    def settle(self, study: DistantStudy, arrivals: Sequence[Arrival]) -> "Future[int]":
        """The archive holds these objects of the study and no others; how many are new here. None at all: it is gone,
        and its rows stay to say so."""

        def change(connection: sqlite3.Connection) -> int:
            if not arrivals:
                return _mark_gone(connection, study)
            new = [one for one in arrivals if place(connection, one).value == "stored"]
            row = _row_of(connection, arrivals[0])
            taken = _take_away_others(connection, study.archive, row, {one.header.sop_instance_uid for one in arrivals})
            connection.execute(
                "UPDATE study SET patient = coalesce(patient, ?), revision = revision + ? WHERE id = ?",
                (study.patient, 1 if (taken or study.gone) and not study.announced else 0, row),
            )
            connection.execute(
                "UPDATE distant_study SET due_us = NULL, tries = 0, gone = 0, study = ? WHERE archive = ? AND uid = ?",
                (row, study.archive, study.uid),
            )
            return len(new)

        return self._writer.submit(change)

    def fetched(self, what: Fetched) -> "Future[None]":
        """An object is in the cache; of an older file of it nothing is believed any more."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM description WHERE instance = ? AND EXISTS"
                " (SELECT 1 FROM instance WHERE id = ? AND sha256 <> ? AND sha256 <> x'')",
                (what.instance, what.instance, what.sha256),
            )
            connection.execute(
                "UPDATE instance SET sop_class = ?, transfer_syntax = ?, size_bytes = ?, data_set_at = ?, sha256 = ?,"
                " characters = ? WHERE id = ?"
                " AND EXISTS (SELECT 1 FROM distant_instance d WHERE d.instance = instance.id)",
                (
                    what.sop_class,
                    what.transfer_syntax,
                    what.size_bytes,
                    what.data_set_at,
                    what.sha256,
                    what.characters,
                    what.instance,
                ),
            )

        return self._writer.submit(change)


def _study(row: tuple[str, str, int, str | None, int, int | None, int]) -> DistantStudy:
    archive, uid, announced, patient, tries, study, gone = row
    return DistantStudy(archive, uid, bool(announced), patient, tries, study, bool(gone))


def _mark_gone(connection: sqlite3.Connection, study: DistantStudy) -> int:
    connection.execute(
        "UPDATE distant_study SET due_us = NULL, tries = 0, gone = 1 WHERE archive = ? AND uid = ?",
        (study.archive, study.uid),
    )
    if study.study is not None and not study.gone and not study.announced:
        connection.execute("UPDATE study SET revision = revision + 1, due_us = 0 WHERE id = ?", (study.study,))
    return 0


def _row_of(connection: sqlite3.Connection, arrival: Arrival) -> int:
    row = connection.execute(
        "SELECT st.id FROM study st JOIN organization o ON o.id = st.owner WHERE o.name = ? AND st.uid = ?",
        (arrival.owner, arrival.header.study_uid),
    ).fetchone()
    return int(row[0])


def _take_away_others(connection: sqlite3.Connection, archive: str, study: int, held: set[str]) -> int:
    """Rows of objects that the archive held once and does not any more; how many."""
    known = connection.execute(
        "SELECT i.id, i.uid FROM instance i JOIN distant_instance d ON d.instance = i.id"
        " WHERE i.study = ? AND d.archive = ?",
        (study, archive),
    ).fetchall()
    lost = [instance for instance, uid in known if uid not in held]
    for instance in lost:
        take_away(connection, instance)
    return len(lost)
