"""Another copy of an object, with the same pixels, takes the place of the first by somebody's decision. The first
file stays known. Inside a transaction."""

import sqlite3
from dataclasses import dataclass

from ..header import Header
from ..person_name import name_key
from . import acts
from .acts import By, Kind
from .instance_row import InstanceRow
from .level_json import study_json


@dataclass(frozen=True, slots=True)
class Replacement:
    """``row`` is the instance as it is, ``sha256`` and the like are of the new file, which the blob store holds."""

    row: InstanceRow
    header: Header
    sha256: bytes
    size_bytes: int
    data_set_at: int
    transfer_syntax: str


def replace(connection: sqlite3.Connection, new: Replacement, by: By) -> None:
    """A correction in force stays in force: its copy is made anew. Without one the study takes over what the new header
    says of it."""
    instance, header = new.row.id, new.header
    study = connection.execute("SELECT study FROM instance WHERE id = ?", (instance,)).fetchone()[0]
    act = acts.note(connection, study, Kind.REPLACE, new.row.uid, by)
    connection.execute(
        "INSERT INTO replaced_file (instance, uid, sha256, transfer_syntax, act)"
        " SELECT i.id, i.uid, i.sha256, i.transfer_syntax, ? FROM instance i WHERE i.id = ?"
        " UNION ALL SELECT f.instance, ?, f.sha256, f.transfer_syntax, ? FROM received_file f WHERE f.instance = ?",
        (act, instance, new.row.uid, act, instance),
    )
    connection.execute("DELETE FROM received_file WHERE instance = ?", (instance,))
    connection.execute(
        "UPDATE instance SET sha256 = ?, size_bytes = ?, data_set_at = ?, transfer_syntax = ?, characters = ?,"
        " spool = NULL, corrected = NULL, described = 0, number = ?, frames = ? WHERE id = ?",
        (new.sha256, new.size_bytes, new.data_set_at, new.transfer_syntax, header.characters.evidence,
         header.instance_number, header.frames, instance),
    )  # fmt: skip
    connection.execute("DELETE FROM description WHERE instance = ?", (instance,))
    connection.execute(
        "UPDATE study SET (study_date, study_time, timezone, accession_number, study_id, patient_id,"
        " issuer_of_patient_id, patient_name, name_key, referring_key, birth_date, sex, description, json)"
        " = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ? AND correction IS NULL",
        (header.study_date, header.study_time, header.timezone, header.accession_number, header.study_id,
         header.patient_id, header.issuer_of_patient_id, header.patient_name, name_key(header.patient_name),
         name_key(header.referring_physician), header.birth_date, header.sex, header.study_description,
         study_json(header), study),
    )  # fmt: skip
