"""Which studies the hub is still to be told of."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from .connection import ThreadConnections
from .distant_studies import DISTANT
from .group_writer import GroupWriter


@dataclass(frozen=True, slots=True)
class UntoldStudy:
    """A study with instances beyond those the hub knows of; ``revision`` counts them."""

    id: int
    owner: str
    uid: str
    client: str
    role: str
    ae_title: str
    revision: int
    tries: int
    study_date: str
    study_time: str
    timezone: str
    accession_number: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    description: str
    told: int = 0
    """The revision that the hub knows; 0 where it knows nothing."""
    instance_count: int = 1
    patient: str | None = None
    """Id of the hub's Patient, where it is known."""
    correction: int | None = None
    distant: str | None = None
    """As ``search.Match.distant``: the archive where it lives, if not here."""
    announced: bool = False
    """The maker of its objects has told the hub of it, all of them."""


_COLUMNS = (
    """st.id, o.name, st.uid, st.client, st.role, st.ae_title, st.revision, st.tries, st.study_date,
    st.study_time, st.timezone, st.accession_number, st.patient_id, st.patient_name, st.birth_date, st.sex,
    st.description, st.told, st.instance_count, st.patient, st.correction, """
    + DISTANT
    + ", st.instance_count > 0 AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.study = st.id AND NOT i.announced)"
)


class Telling:
    def __init__(self, connections: ThreadConnections, writer: GroupWriter) -> None:
        self._connections = connections
        self._writer = writer

    def due(self, now_us: int, limit: int) -> list[UntoldStudy]:
        """Studies that have been quiet long enough, the longest waiting first."""
        rows = self._connections.get().execute(
            f"""SELECT {_COLUMNS} FROM study st JOIN organization o ON o.id = st.owner
                WHERE st.revision > st.told AND st.due_us <= ? ORDER BY st.due_us LIMIT ?""",
            (now_us, limit),
        )
        return [UntoldStudy(*row) for row in rows]

    def waiting(self) -> int:
        """How many studies the hub is still to be told of, quiet or not."""
        row = self._connections.get().execute("SELECT count(*) FROM study WHERE revision > told").fetchone()
        return int(row[0])

    def series_and_instances(self, study: int) -> list[tuple[Any, ...]]:
        """(series uid, number, modality, description, body part, laterality, instance id, uid, SOP class, number)."""
        return (
            self._connections.get()
            .execute(
                """SELECT se.uid, se.number, se.modality, se.description, se.body_part, se.laterality,
                       i.id, i.uid, i.sop_class, i.number
                   FROM series se JOIN instance i ON i.series = se.id WHERE se.study = ?
                   ORDER BY se.number, se.id, i.number, i.id""",
                (study,),
            )
            .fetchall()
        )

    def told(self, study: int, revision: int, patient: str | None, acts: Sequence[int] = ()) -> "Future[None]":
        """The hub knows the study as of ``revision``, and these acts. Where more has happened meanwhile, its patient
        may be another by now."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE study SET told = max(told, ?), tries = 0,"
                " patient = CASE WHEN correction IS NULL OR revision = ? THEN coalesce(?, patient) ELSE patient END"
                " WHERE id = ?",
                (revision, revision, patient, study),
            )
            connection.executemany("UPDATE act SET told = 1 WHERE id = ?", [(act,) for act in acts])

        return self._writer.submit(change)

    def later(self, study: int, due_us: int) -> "Future[None]":
        """The hub could not take it; try again at ``due_us``."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE study SET due_us = max(due_us, ?), tries = tries + 1 WHERE id = ?", (due_us, study)
            )

        return self._writer.submit(change)

    def no_later_than(self, latest_us: int) -> "Future[None]":
        """After the clock was set back, due times of before would lie far ahead."""

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE study SET due_us = ? WHERE revision > told AND due_us > ?", (latest_us, latest_us)
            )

        return self._writer.submit(change)
