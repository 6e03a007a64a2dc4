"""What follows for people from an act on identity: a Provenance beside the records, and a notice to those who read.

Who read a record while it was taken with another for one person may have seen two people as one. Each organization that
did is told by a Communication of its own (FHIR R4 communication.html), about the record it read and no other.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from hub.contracts.codes import BASE
from hub.contracts.site import ZONE
from hub.contracts.store import CommitView

Readers = Callable[[CommitView, Sequence[str], int], Sequence[tuple[str, str]]]
"""``(view, Patient ids, since in microseconds)`` to pairs of organization and the Patient it was shown since then."""
T = TypeVar("T")
Activity = Literal["merge", "unmerge", "link", "unlink", "amend"]

TOPIC = f"{BASE}/CodeSystem/communication-topic"
PARTED = "patient-parted"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_CATEGORY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "alert"}],
    "text": "身份更正通知",
}


def record(view: CommitView, activity: Activity, patients: Sequence[str], statement: str, reason: str) -> None:
    """The Provenance of an act on these Patients (ids), said by ``statement`` (``Linkage/ID``): one for each
    organization that owns some of them, and of those alone, so that none learns of another's records."""
    owned: dict[str, list[str]] = {}
    for patient in patients:
        stored = view.read("Patient", patient)
        if stored is not None:
            owned.setdefault(stored.owner, []).append(patient)
    for owner, theirs in owned.items():
        view.put("Provenance", _provenance(view, activity, theirs, statement, reason), owner=owner, patient=theirs[0])


def _provenance(
    view: CommitView, activity: Activity, patients: Sequence[str], statement: str, reason: str
) -> dict[str, Any]:
    caller = view.caller
    organization = {"reference": f"Organization/{caller.organization}"}
    agent: dict[str, Any] = {"who": organization}
    if caller.actor is not None:
        agent = {"who": {"reference": caller.actor}, "onBehalfOf": organization}
    provenance: dict[str, Any] = {
        "resourceType": "Provenance",
        "target": [{"reference": f"Patient/{one}"} for one in patients],
        "recorded": _instant(view.now),
        "activity": {"coding": [{"system": _LIFECYCLE, "code": activity}]},
        "agent": [agent],
        "entity": [{"role": "source", "what": {"reference": statement}}],
    }
    if reason:
        provenance["reason"] = [{"text": reason}]
    return provenance


def telling_readers(
    view: CommitView, readers: Readers, one: str, other: str, act: Callable[[], T], since_us: int | None = None
) -> T:
    """Run an act, and give what it gives, that may part the person of these two Patients (ids). Where it does, each
    organization that was shown any record of that person since ``since_us`` (None: since the two came together) gets a
    notice."""
    before = _person(view, one)
    together_us = max((since for patient, since in before if patient in (one, other)), default=0)
    were = {one, other} <= {patient for patient, _ in before}
    done = act()
    if not were or other in {patient for patient, _ in _person(view, one)}:
        return done
    since_us = together_us if since_us is None else since_us
    since = datetime.fromtimestamp(since_us / 1_000_000, ZONE)
    for organization, patient in readers(view, [patient for patient, _ in before], since_us):
        view.put("Communication", _notice(organization, patient, since, view.now), owner=organization, patient=patient)
    return done


def _person(view: CommitView, patient: str) -> list[tuple[str, int]]:
    """The records of the same person, and since when each belongs to it."""
    return [
        (found, since_us)
        for found, since_us in view.rows(
            "SELECT patient_id, since_us FROM identity_link WHERE person_id ="
            " (SELECT person_id FROM identity_link WHERE patient_id = ?) ORDER BY patient_id",
            (patient,),
        )
    ]


def _notice(organization: str, patient: str, since: datetime, now: datetime) -> dict[str, Any]:
    zh = (
        f"贵机构在 {since:%Y-%m-%d %H:%M} 之后查阅过这份患者档案。它曾与另一份档案归为同一人，现已分开："
        "其间一并看到的内容可能属于另一个人，请核对据此作出的诊疗。"
    )
    en = (
        f"Your organization read this Patient record after {since:%Y-%m-%d %H:%M}, while it was taken with another for "
        "one person. They have been separated: what was seen together may be of two people. Check what was decided on "
        "it."
    )
    return {
        "resourceType": "Communication",
        "status": "completed",
        "category": [_CATEGORY],
        "priority": "urgent",
        "subject": {"reference": f"Patient/{patient}"},
        "topic": {"coding": [{"system": TOPIC, "code": PARTED}], "text": "患者档案分开"},
        "sent": _instant(now),
        "recipient": [{"reference": f"Organization/{organization}"}],
        "payload": [{"contentString": zh}, {"contentString": en}],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
