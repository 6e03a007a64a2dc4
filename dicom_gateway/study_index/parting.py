"""Parting series or instances from a study into one of their own, and joining them again. Inside a transaction."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from hub.contracts.errors import Conflict, NotFound

from .level_json import of_values

if TYPE_CHECKING:
    from .corrections import Subject

_COPIED = """owner, study_date, study_time, timezone, accession_number, study_id, patient_id, issuer_of_patient_id,
    patient_name, name_key, referring_key, birth_date, sex, description, json, client, role, ae_title, correction"""
_SERIES_COPIED = "modality, number, description, body_part, laterality, performed_date, json"
Moved = tuple[int, int]
"""Series row as it was, and as it is."""


@dataclass(frozen=True, slots=True)
class Parted:
    study: int
    study_uid: str
    moved: Sequence[Moved]


def part(connection: sqlite3.Connection, study: int, subject: "Subject", study_uid: str) -> Parted:
    """A series goes with its row and whatever comes of it later; an instance into a series of its own. Raises NotFound;
    Conflict where nothing would be left."""
    series = connection.execute(
        "SELECT id, instance_count FROM series WHERE study = ? AND uid = ?", (study, subject.series_uid)
    ).fetchone()
    if series is None or not series[1]:
        raise _not_found()
    total = connection.execute("SELECT instance_count FROM study WHERE id = ?", (study,)).fetchone()[0]
    goes = 1 if subject.sop_instance_uid else series[1]
    if total == goes:
        raise Conflict("This is the whole study.", remedy="Correct the study itself.")
    target = connection.execute(
        f"INSERT INTO study (uid, {_COPIED}) SELECT ?, {_COPIED} FROM study WHERE id = ? RETURNING id",
        (study_uid, study),
    ).fetchone()[0]
    if subject.sop_instance_uid is None:
        connection.execute("UPDATE series SET study = ? WHERE id = ?", (target, series[0]))
        connection.execute("UPDATE instance SET study = ? WHERE series = ?", (target, series[0]))
        connection.execute(
            "INSERT INTO diverted (owner, series_uid, study) SELECT owner, ?, id FROM study WHERE id = ?",
            (subject.series_uid, target),
        )
        moved = (series[0], series[0])
    else:
        moved = (series[0], _own_series(connection, series[0], target, study_uid, subject.sop_instance_uid))
    for one in (study, target):
        recount(connection, one)
    return Parted(target, study_uid, [moved])


def join_again(connection: sqlite3.Connection, parted: int, study: int, moved: Sequence[Moved]) -> None:
    """What is in the parted study goes back where it came from; its row stays, empty."""
    for was, now in moved:
        connection.execute("UPDATE instance SET study = ?, series = ? WHERE series = ?", (study, was, now))
        connection.execute("UPDATE withdrawn SET study = ?, series = ? WHERE series = ?", (study, was, now))
        if was == now:
            connection.execute("UPDATE series SET study = ? WHERE id = ?", (study, was))
        else:
            connection.execute("DELETE FROM series WHERE id = ?", (now,))
    connection.execute("DELETE FROM diverted WHERE study = ?", (parted,))
    for one in (study, parted):
        recount(connection, one)


def recount(connection: sqlite3.Connection, study: int) -> None:
    """Counts and modalities of a study and its series, after instances came or went otherwise than one by one."""
    connection.execute(
        "UPDATE series SET instance_count = (SELECT count(*) FROM instance i WHERE i.series = series.id)"
        " WHERE study = ?",
        (study,),
    )
    rows = connection.execute(
        "SELECT modality, instance_count FROM series WHERE study = ? AND instance_count > 0 ORDER BY id", (study,)
    ).fetchall()
    modalities = "\\" + "".join(f"{code}\\" for code in dict.fromkeys(row[0] for row in rows) if code)
    connection.execute(
        "UPDATE study SET instance_count = ?, series_count = ?, modalities = ? WHERE id = ?",
        (sum(row[1] for row in rows), len(rows), modalities, study),
    )


def _own_series(connection: sqlite3.Connection, series: int, target: int, study_uid: str, sop_instance_uid: str) -> int:
    uid = f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{study_uid}/{sop_instance_uid}').int}"
    own = connection.execute(
        f"INSERT INTO series (study, uid, {_SERIES_COPIED}) SELECT ?, ?, {_SERIES_COPIED} FROM series WHERE id = ?"
        " RETURNING id, json",
        (target, uid, series),
    ).fetchone()
    attributes = msgspec.json.decode(own[1]) | {"0020000E": of_values("UI", [uid])}
    connection.execute("UPDATE series SET json = ? WHERE id = ?", (msgspec.json.encode(attributes), own[0]))
    found = connection.execute(
        "UPDATE instance SET study = ?, series = ? WHERE series = ? AND uid = ?",
        (target, own[0], series, sop_instance_uid),
    )
    if not found.rowcount:
        raise _not_found()
    return int(own[0])


def _not_found() -> NotFound:
    return NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
