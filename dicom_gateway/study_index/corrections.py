"""Rows of corrections: what is said of a study in place of what its objects say, and taking that back exactly."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.contracts.errors import Conflict, NotFound

from ..person_name import name_key
from . import acts
from .acts import By, Kind
from .connection import ThreadConnections
from .level_json import of_values, person_attribute
from .parting import join_again, part


class Corrected(msgspec.Struct, frozen=True, omit_defaults=True):
    """Values in DICOM's form; None leaves one as the objects say it. ``patient`` is the id of the hub's Patient that
    the study belongs to; None finds him by the other values. ``study_uid``: the study that the objects were parted
    into."""

    patient_id: str | None = None
    issuer_of_patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    accession_number: str | None = None
    patient: str | None = None
    study_uid: str | None = None

    @property
    def names_patient(self) -> bool:
        return self.patient_id is not None

    def over(self, earlier: "Corrected") -> "Corrected":
        """Both, this one's values first. Another patient takes nothing from the one before."""
        kept = msgspec.to_builtins(earlier)
        if self.names_patient:
            kept = {name: value for name, value in kept.items() if name in ("accession_number", "study_uid")}
        return msgspec.convert(kept | msgspec.to_builtins(self), Corrected)


NOTHING = Corrected()
_TAGS = {
    "accession_number": ("00080050", "SH"),
    "patient_name": ("00100010", "PN"),
    "patient_id": ("00100020", "LO"),
    "issuer_of_patient_id": ("00100021", "LO"),
    "birth_date": ("00100030", "DA"),
    "sex": ("00100040", "CS"),
}
"""Of the columns of a study that a correction may change: where they stand in its attributes."""
_KEPT = (*_TAGS, "name_key", "json", "patient", "correction")
_read = msgspec.json.Decoder(Corrected).decode
_attributes = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Subject:
    """A study, some of its series, or some of its instances. ``owner`` None: whoever has it, if it is one alone."""

    owner: str | None
    study_uid: str
    series_uid: str | None = None
    sop_instance_uid: str | None = None

    @property
    def part(self) -> str:
        return self.sop_instance_uid or self.series_uid or ""


@dataclass(frozen=True, slots=True)
class Made:
    """A correction that stands or stood. ``study_uid`` is where the objects are now; ``undone`` names an act."""

    id: int
    study: int
    study_uid: str
    act: int
    corrected: Corrected
    before: dict[str, Any]
    undone: int | None


class Corrections:
    def __init__(self, connections: ThreadConnections) -> None:
        self._connections = connections

    def in_force(self, correction: int) -> tuple[Corrected, int]:
        """What a correction says, and when it was made (microseconds)."""
        row = self._connections.get().execute(
            "SELECT c.corrected, a.at_us FROM correction c JOIN act a ON a.id = c.act WHERE c.id = ?", (correction,)
        )
        said, at_us = row.fetchone()
        return _read(said), int(at_us)

    def of(self, studies: Sequence[int]) -> list[Made]:
        """Corrections of these studies (row ids), and those that parted objects from them; the oldest first."""
        marks = ", ".join("?" * len(studies))
        rows = self._connections.get().execute(
            "SELECT c.id, c.study, st.uid, c.act, c.corrected, c.before, c.undone FROM correction c"
            f" JOIN study st ON st.id = c.study WHERE c.study IN ({marks}) OR c.split_from IN ({marks}) ORDER BY c.id",
            [*studies, *studies],
        )
        return [
            Made(id_, study, uid, act, _read(said), _attributes(before), undone)
            for id_, study, uid, act, said, before, undone in rows
        ]


def correct(
    connection: sqlite3.Connection,
    subject: Subject,
    corrected: Corrected,
    by: By,
    *,
    by_hub: bool = False,
    patient: str | None = None,
) -> tuple[int, str]:
    """Inside a transaction. ``patient`` is the id of the hub's Patient that the study is of now, where only the hub
    knows him. Gives the correction's id and the UID of the study where its objects are from now on: for a
    part of a study one of its own, since a study is of one patient. Raises NotFound, Conflict."""
    study = acts.study_row(connection, subject.owner, subject.study_uid)
    connection.execute("UPDATE study SET patient = ? WHERE id = ? AND patient IS NULL", (patient, study))
    parted = part(connection, study, subject, _parted_uid(connection, study)) if subject.part else None
    target = parted.study if parted else study
    act = acts.note(connection, target, Kind.CORRECT, subject.part, by, by_hub=by_hub)
    if parted:
        acts.note(connection, study, Kind.CORRECT, subject.part, by)
        corrected = msgspec.structs.replace(corrected, study_uid=parted.study_uid)
    before = _columns(connection, target)
    earlier = before["correction"]
    if earlier is not None:
        corrected = corrected.over(_in_force(connection, earlier))
    made = connection.execute(
        "INSERT INTO correction (study, act, corrected, before, earlier, split_from, moved)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (target, act, msgspec.json.encode(corrected), msgspec.json.encode(_kept(before)), earlier,
         study if parted else None, msgspec.json.encode(parted.moved) if parted else None),
    ).fetchone()[0]  # fmt: skip
    _apply(connection, target, corrected, before, made)
    uid = connection.execute("SELECT uid FROM study WHERE id = ?", (target,)).fetchone()[0]
    return int(made), str(uid)


def undo(connection: sqlite3.Connection, owner: str | None, correction: int, by: By, *, by_hub: bool = False) -> None:
    """Inside a transaction: the study's row is what it was. Raises NotFound; Conflict where it is undone, or where a
    later one rests on it."""
    row = connection.execute(
        "SELECT c.study, c.before, c.earlier, c.split_from, c.moved, c.undone, st.correction FROM correction c"
        " JOIN study st ON st.id = c.study JOIN organization o ON o.id = st.owner"
        " WHERE c.id = ? AND (? IS NULL OR o.name = ?)",
        (correction, owner, owner),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such correction.", remedy="List those of the study.")
    study, before, earlier, split_from, moved, undone, in_force = row
    if undone is not None:
        raise Conflict("This correction is undone already.", remedy="Nothing is left to do.")
    if in_force != correction:
        raise Conflict("A later correction rests on this one.", remedy="Undo the later one first.")
    act = acts.note(connection, study, Kind.UNDO, "", by, by_hub=by_hub)
    if split_from is not None:
        acts.note(connection, split_from, Kind.UNDO, "", by)
        join_again(connection, study, split_from, msgspec.json.decode(moved))
    values = _attributes(before)
    values["json"] = msgspec.json.encode(values["json"])
    columns = [name for name in _KEPT if name != "correction"]
    connection.execute(
        f"UPDATE study SET {', '.join(f'{name} = ?' for name in columns)}, correction = ? WHERE id = ?",
        [*(values[name] for name in columns), earlier, study],
    )
    connection.execute("UPDATE correction SET undone = ? WHERE id = ?", (act, correction))


def _apply(
    connection: sqlite3.Connection, study: int, corrected: Corrected, before: dict[str, Any], correction: int
) -> None:
    values = {name: value for name in _TAGS if (value := getattr(corrected, name)) is not None}
    attributes = _attributes(before["json"])
    for name, value in values.items():
        tag, representation = _TAGS[name]
        attributes[tag] = (
            person_attribute(value) if representation == "PN" else of_values(representation, [value or None])
        )
    if "patient_name" in values:
        values["name_key"] = name_key(values["patient_name"])
    if corrected.names_patient:
        values["patient"] = corrected.patient
    if corrected.study_uid is not None:
        attributes["0020000D"] = of_values("UI", [corrected.study_uid])
    values |= {"json": msgspec.json.encode(dict(sorted(attributes.items()))), "correction": correction}
    connection.execute(
        f"UPDATE study SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?", [*values.values(), study]
    )


def _columns(connection: sqlite3.Connection, study: int) -> dict[str, Any]:
    row = connection.execute(f"SELECT {', '.join(_KEPT)} FROM study WHERE id = ?", (study,)).fetchone()
    return dict(zip(_KEPT, row, strict=True))


def _kept(before: dict[str, Any]) -> dict[str, Any]:
    return before | {"json": _attributes(before["json"])}


def _in_force(connection: sqlite3.Connection, correction: int) -> Corrected:
    row = connection.execute("SELECT corrected FROM correction WHERE id = ?", (correction,)).fetchone()
    return _read(row[0])


def _parted_uid(connection: sqlite3.Connection, study: int) -> str:
    """Of the study that a part becomes (PS3.5 B.2): never given twice."""
    count = connection.execute("SELECT count(*) FROM correction WHERE split_from = ?", (study,)).fetchone()[0]
    owner, uid = connection.execute("SELECT owner, uid FROM study WHERE id = ?", (study,)).fetchone()
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{owner}/{uid}/part {count}').int}"
