"""Giving one received instance its rows: the only place where instances enter the index."""

import sqlite3
from dataclasses import dataclass
from enum import Enum

from ..header import Header
from ..person_name import name_key
from .level_json import series_json, study_json
from .route_items import step_back
from .usage import fits
from .withdrawing import is_rejected, is_withdrawn, was_received, withdraw


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object whose bytes are on disk in the spool, and who sent it; or one that ``archive`` holds, without bytes
    here, hash, size or spool file."""

    header: Header
    owner: str
    client: str
    role: str
    ae_title: str
    transfer_syntax: str
    size_bytes: int
    data_set_at: int
    sha256: bytes
    spool: str | None
    received_us: int
    due_us: int
    announced: bool = False
    archive: str | None = None
    quota_bytes: int | None = None
    """What its owner may keep here in all; None is any amount."""


class Placing(Enum):
    STORED = "stored"
    SAME = "same"
    """The same bytes are there already."""
    DIFFERENT = "different"
    """Other bytes are there under this SOP Instance UID; they stay."""
    REJECTED = "rejected"
    """Stored, but a rejection note names it: neither found nor given."""
    OVER_QUOTA = "over quota"
    """Not stored: its owner would keep more than its quota."""


def place(connection: sqlite3.Connection, arrival: Arrival) -> Placing:
    """Inside a transaction. The unique key (owner, SOP Instance UID) decides, so two senders at once are no race."""
    header = arrival.header
    owner = _organization(connection, arrival.owner)
    known = connection.execute(
        "SELECT sha256, id, EXISTS (SELECT 1 FROM distant_instance d WHERE d.instance = instance.id) FROM instance"
        " WHERE owner = ? AND uid = ?",
        (owner, header.sop_instance_uid),
    ).fetchone()
    if known is not None:
        if arrival.archive is not None:
            return Placing.SAME
        if not known[2]:
            same = known[0] == arrival.sha256 or was_received(connection, owner, arrival)
            return Placing.SAME if same else Placing.DIFFERENT
    if not fits(connection, owner, arrival.size_bytes, arrival.quota_bytes):
        return Placing.OVER_QUOTA
    if known is not None:
        take_away(connection, known[1])  # what lived elsewhere alone has come to stay
    rejected = is_rejected(connection, owner, header.sop_instance_uid)
    if (rejected or arrival.archive) and is_withdrawn(connection, owner, header.sop_instance_uid):
        return Placing.SAME
    study = _diverted(connection, owner, header) or _study(connection, owner, arrival)
    series, new_series = _series(connection, study, header)
    connection.execute(
        """INSERT INTO instance (owner, uid, series, study, sop_class, number, rows, columns, bits_allocated, frames,
               transfer_syntax, size_bytes, data_set_at, sha256, spool, client, received_us, announced, characters)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (owner, header.sop_instance_uid, series, study, header.sop_class_uid, header.instance_number, header.rows,
         header.columns, header.bits_allocated, header.frames, arrival.transfer_syntax, arrival.size_bytes,
         arrival.data_set_at, arrival.sha256, arrival.spool, arrival.client, arrival.received_us, arrival.announced,
         header.characters.evidence),
    )  # fmt: skip
    if arrival.archive is not None:
        _mark_distant(connection, arrival.archive)
    connection.execute(
        """UPDATE study SET instance_count = instance_count + 1, series_count = series_count + ?,
               revision = revision + ?, due_us = CASE WHEN ? THEN due_us ELSE ? END, client = ?, role = ?, ae_title = ?,
               tries = 0,
               modalities = CASE WHEN ? = '' OR instr(modalities, ?) THEN modalities ELSE modalities || ? END
           WHERE id = ?""",
        (new_series, not arrival.announced, arrival.announced, arrival.due_us, arrival.client, arrival.role,
         arrival.ae_title, header.modality, f"\\{header.modality}\\", f"{header.modality}\\", study),
    )  # fmt: skip
    if rejected:
        withdraw(connection, owner, [header.sop_instance_uid])
        return Placing.REJECTED
    return Placing.STORED


def remove(connection: sqlite3.Connection, owner: str, sop_instance_uid: str, spool: str) -> None:
    """Undo ``place`` of the object in this spool file. A study or series it was alone in goes too; what the hub has
    been told of stays counted."""
    row = connection.execute(
        """SELECT i.id, i.study, i.series FROM instance i JOIN organization o ON o.id = i.owner
           WHERE o.name = ? AND i.uid = ? AND i.spool = ?""",
        (owner, sop_instance_uid, spool),
    ).fetchone()
    if row is None:
        return
    take_away(connection, row[0])
    gone = connection.execute(
        "DELETE FROM study WHERE id = ? AND instance_count = 0"
        " AND NOT EXISTS (SELECT 1 FROM act a WHERE a.study = study.id)",
        (row[1],),
    )
    if gone.rowcount:
        connection.execute("UPDATE distant_study SET study = NULL WHERE study = ?", (row[1],))


def take_away(connection: sqlite3.Connection, instance: int) -> None:
    """Delete the rows of one instance, and of a series it was alone in; the study's row stays."""
    study, series = connection.execute("SELECT study, series FROM instance WHERE id = ?", (instance,)).fetchone()
    step_back(connection, instance)
    connection.execute("DELETE FROM distant_instance WHERE instance = ?", (instance,))
    connection.execute("DELETE FROM description WHERE instance = ?", (instance,))
    connection.execute("DELETE FROM instance WHERE id = ?", (instance,))
    connection.execute("UPDATE series SET instance_count = instance_count - 1 WHERE id = ?", (series,))
    gone = connection.execute(
        "DELETE FROM series WHERE id = ? AND instance_count = 0"
        " AND NOT EXISTS (SELECT 1 FROM withdrawn w WHERE w.series = series.id)",
        (series,),
    ).rowcount
    connection.execute(
        "UPDATE study SET instance_count = instance_count - 1, series_count = series_count - ? WHERE id = ?",
        (gone, study),
    )


def _mark_distant(connection: sqlite3.Connection, archive: str) -> None:
    """The instance just inserted. Nothing of it is described before it is asked for."""
    connection.execute("INSERT INTO distant_instance VALUES (last_insert_rowid(), ?)", (archive,))
    connection.execute("UPDATE instance SET described = 1 WHERE id = last_insert_rowid()")


def _organization(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT id FROM organization WHERE name = ?", (name,)).fetchone()
    if row is None:
        row = connection.execute("INSERT INTO organization (name) VALUES (?) RETURNING id", (name,)).fetchone()
    return int(row[0])


def _diverted(connection: sqlite3.Connection, owner: int, header: Header) -> int | None:
    """The study that a series was parted into."""
    row = connection.execute(
        "SELECT study FROM diverted WHERE owner = ? AND series_uid = ?", (owner, header.series_uid)
    ).fetchone()
    return None if row is None else int(row[0])


def _study(connection: sqlite3.Connection, owner: int, arrival: Arrival) -> int:
    header = arrival.header
    row = connection.execute("SELECT id FROM study WHERE owner = ? AND uid = ?", (owner, header.study_uid)).fetchone()
    if row is None:
        row = connection.execute(
            """INSERT INTO study (owner, uid, study_date, study_time, timezone, accession_number, study_id, patient_id,
                   issuer_of_patient_id, patient_name, name_key, referring_key, birth_date, sex, description, json,
                   client, role, ae_title)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id""",
            (owner, header.study_uid, header.study_date, header.study_time, header.timezone, header.accession_number,
             header.study_id, header.patient_id, header.issuer_of_patient_id, header.patient_name,
             name_key(header.patient_name), name_key(header.referring_physician), header.birth_date, header.sex,
             header.study_description, study_json(header), arrival.client, arrival.role, arrival.ae_title),
        ).fetchone()  # fmt: skip
    return int(row[0])


def _series(connection: sqlite3.Connection, study: int, header: Header) -> tuple[int, bool]:
    row = connection.execute(
        "UPDATE series SET instance_count = instance_count + 1 WHERE study = ? AND uid = ?"
        " RETURNING id, instance_count",
        (study, header.series_uid),
    ).fetchone()
    if row is not None:
        return int(row[0]), row[1] == 1
    row = connection.execute(
        """INSERT INTO series (study, uid, modality, number, description, body_part, laterality, performed_date,
               instance_count, json)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?) RETURNING id""",
        (study, header.series_uid, header.modality, header.series_number, header.series_description, header.body_part,
         header.laterality, header.performed_date, series_json(header)),
    ).fetchone()  # fmt: skip
    return int(row[0]), True
