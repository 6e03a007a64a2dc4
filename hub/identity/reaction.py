"""Keeps every Patient linked to exactly one person, in the commit that writes the Patient.

Commits come one after another, so that what is looked up here cannot change before it is written: no two persons for
one human, however many doors the records come through. Sources are never rewritten; a link is a row beside them.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.store import CommitView, Reaction, Written

from . import claims, links, records, reviews
from .events import moved
from .evidence import Evidence, evidence_of, stated_numbers, with_numbers
from .judging import numbers_of
from .links import NOTHING_SAID, Said, said
from .placing import Placing
from .tables import IDENTITY_TABLES
from .weights import Weights
from .weights_in_force import weights_in_force

ROOM = "identity"
RULE_DELETED = "deleted"
_SAID_BY = ("identifier", "name", "birthDate", "gender", "telecom", "address", "extension", "meta")


def IdentityReaction() -> Reaction:
    """Runs on every submission: Patients are linked, and the person of the first Patient written or referred to is
    named for the receipt."""
    return Reaction(room=ROOM, types=None, run=Linker(), derive=derive, tables=IDENTITY_TABLES)


def derive(resource_type: str, resource: Any) -> Said | None:
    """What a Patient says, read from its struct before the lock is taken."""
    if resource_type != "Patient":
        return None
    stated = {element: getattr(resource, element, msgspec.UNSET) for element in _SAID_BY}
    patient = {name: msgspec.to_builtins(value) for name, value in stated.items() if value not in (None, msgspec.UNSET)}
    return said(evidence_of(patient))


class Linker:
    """The consequence. ``weights``: those of the site's table, or the built-in ones, where not given."""

    def __init__(self, weights: Weights | None = None) -> None:
        self._weights = weights

    def __call__(self, written: Sequence[Written], view: CommitView) -> None:
        linked: dict[str, str] = {}
        patients = [one for one in written if one.type == "Patient"]
        if patients:
            placing = Placing(view, self._weights or weights_in_force(view.rows))
            for one in patients:
                if one.deleted:
                    unlink(one.id, placing, view)
                else:
                    linked[one.id] = _link(one, placing, view)
        patient = next((one.patient for one in written if one.patient is not None), None)
        if patient is not None:
            person = linked.get(patient) or _person_of(patient, view)
            if person is not None:
                view.tell_person(person)


def _link(one: Written, placing: Placing, view: CommitView) -> str:
    """The person of this Patient, from now on."""
    now = one.derived.get(ROOM) or derive("Patient", one.resource) or NOTHING_SAID
    evidence = without_retired(now.evidence, view)
    if evidence is not now.evidence:
        now = said(evidence)
    known = records.of_patient(view.rows, one.id) if one.version > 1 else None
    if known is None:
        return placing.admit(one.id, person_number(one.id, one.version), now, fresh=one.version == 1)
    return known.person_id if known.evidence == evidence else placing.change(known, now)


def without_retired(evidence: Evidence, view: CommitView) -> Evidence:
    """Without numbers that an official change has replaced: they capture nobody."""
    stated = stated_numbers(evidence)
    sql = "SELECT 1 FROM identity_retired WHERE system = ? AND value = ?"
    left = tuple(number for number in stated if not view.rows(sql, (RESIDENT_ID, number)))
    return evidence if left == stated else with_numbers(evidence, left)


def unlink(patient_id: str, placing: Placing, view: CommitView) -> None:
    """Take a deleted Patient from its person; who was with it only through it parts."""
    known = records.of_patient(view.rows, patient_id)
    if known is None:
        return
    asked = reviews.counterparts(view.rows, [patient_id]) - {patient_id}
    links.remove(view, known)
    moved(view, patient_id, known.person_id, None, RULE_DELETED)
    reviews.put_aside(view, [patient_id])
    left = records.of_persons(view.rows, [known.person_id], 1)
    left += records.of_patients(view.rows, sorted(asked))
    if left:
        placing.part(left, numbers_of(known.evidence))
    else:
        claims.settle(view, numbers_of(known.evidence))


def person_number(patient_id: str, version: int) -> str:
    """The id of a person that begins with this version of this Patient: the same in every replay, never given twice."""
    return hashlib.sha256(f"person {patient_id}/{version}".encode()).hexdigest()[:26]


def _person_of(patient: str, view: CommitView) -> str | None:
    rows = view.rows("SELECT person_id FROM identity_link WHERE patient_id = ?", (patient,))
    return str(rows[0][0]) if rows else None
