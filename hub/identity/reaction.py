"""Keeps every Patient linked to exactly one person, in the commit that writes the Patient.

Commits come one after another, so that what is looked up here cannot change before it is written: no two persons for
one class of records, however many doors they come through. Sources are never rewritten; a link is a row beside them.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.store import CommitView, Reaction, Written

from .decide import Candidate, Evidence, FirstRule, Matcher, evidence_of
from .tables import IDENTITY_TABLES

ROOM = "identity"
RULE_DELETED = "deleted"


def IdentityReaction(matcher: Matcher | None = None) -> Reaction:
    """Runs on every submission: Patients are linked, and the person of the first Patient written or referred to is
    named for the receipt."""
    linker = Linker(matcher or FirstRule())
    return Reaction(room=ROOM, types=None, run=linker, derive=derive, tables=IDENTITY_TABLES)


def derive(resource_type: str, resource: Any) -> Evidence | None:
    """The evidence of a Patient, read from its struct before the lock is taken."""
    if resource_type != "Patient":
        return None
    said: dict[str, Any] = {}
    for element in ("identifier", "name"):
        value = getattr(resource, element, None)
        if isinstance(value, list | tuple):
            said[element] = msgspec.to_builtins(value)
    return evidence_of(said)


class Linker:
    """The consequence."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher

    def __call__(self, written: Sequence[Written], view: CommitView) -> None:
        linked: dict[str, str] = {}
        for one in written:
            if one.type == "Patient":
                if one.deleted:
                    _unlink(one, view)
                else:
                    linked[one.id] = self._link(one, view)
        patient = next((one.patient for one in written if one.patient is not None), None)
        if patient is not None:
            person = linked.get(patient) or _person_of(patient, view)
            if person is not None:
                view.tell_person(person)

    def _link(self, one: Written, view: CommitView) -> str:
        """The person of this Patient, from now on."""
        evidence = one.derived.get(ROOM)
        if evidence is None:
            evidence = derive("Patient", one.resource) or Evidence(None, None)
        current = view.rows("SELECT person_id, number, name_key FROM identity_link WHERE patient_id = ?", (one.id,))
        if current and current[0][1:] == (evidence.number, evidence.name_key):
            return str(current[0][0])
        was = current[0][0] if current else None
        decision = self._matcher.decide(evidence, _candidates(evidence, view))
        person = decision.person_id
        if person is None:
            person = person_number(one.id, one.version)
            if was is not None and _is_alone(was, view):
                person = was
                view.execute("DELETE FROM identity_claim WHERE person_id = ?", (person,))
            if decision.claims:
                _claim(person, evidence, view)
        view.execute(
            "INSERT INTO identity_link (patient_id, person_id, rule, number, name_key, since_us)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (patient_id) DO UPDATE SET person_id = excluded.person_id,"
            " rule = excluded.rule, number = excluded.number, name_key = excluded.name_key,"
            " since_us = CASE WHEN person_id = excluded.person_id THEN since_us ELSE excluded.since_us END",
            (one.id, person, decision.rule, evidence.number, evidence.name_key, _now_us(view)),
        )
        if was is not None and was != person:
            _release_if_empty(was, view)
            _event(one, was, person, decision.rule, view)
        return person


def person_number(patient_id: str, version: int) -> str:
    """The id of a person that begins with this version of this Patient: the same in every replay, never given twice."""
    digest = hashlib.sha256(f"person {patient_id}/{version}".encode()).digest()
    return base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()


def _unlink(one: Written, view: CommitView) -> None:
    rows = view.rows("SELECT person_id FROM identity_link WHERE patient_id = ?", (one.id,))
    if rows:
        view.execute("DELETE FROM identity_link WHERE patient_id = ?", (one.id,))
        _release_if_empty(rows[0][0], view)
        _event(one, rows[0][0], None, RULE_DELETED, view)


def _candidates(evidence: Evidence, view: CommitView) -> list[Candidate]:
    if evidence.number is None:
        return []
    rows = view.rows(
        "SELECT person_id, name_key FROM identity_claim WHERE system = ? AND value = ? ORDER BY name_key",
        (RESIDENT_ID, evidence.number),
    )
    return [Candidate(person_id, name_key) for person_id, name_key in rows]


def _person_of(patient: str, view: CommitView) -> str | None:
    rows = view.rows("SELECT person_id FROM identity_link WHERE patient_id = ?", (patient,))
    return str(rows[0][0]) if rows else None


def _claim(person: str, evidence: Evidence, view: CommitView) -> None:
    """Let this person hold the number of its one record, and no other: it held none, or has just let it go."""
    view.execute(
        "INSERT INTO identity_claim (system, value, name_key, person_id) VALUES (?, ?, ?, ?)",
        (RESIDENT_ID, evidence.number, evidence.name_key, person),
    )


def _is_alone(person: str, view: CommitView) -> bool:
    return len(view.rows("SELECT 1 FROM identity_link WHERE person_id = ? LIMIT 2", (person,))) == 1


def _release_if_empty(person: str, view: CommitView) -> None:
    if not view.rows("SELECT 1 FROM identity_link WHERE person_id = ? LIMIT 1", (person,)):
        view.execute("DELETE FROM identity_claim WHERE person_id = ?", (person,))


def _event(one: Written, left: str | None, joined: str | None, rule: str, view: CommitView) -> None:
    view.execute(
        "INSERT INTO identity_event (at_us, patient_id, version, left_person, joined_person, rule)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (_now_us(view), one.id, one.version, left, joined, rule),
    )


def _now_us(view: CommitView) -> int:
    return int(view.now.timestamp() * 1_000_000)
