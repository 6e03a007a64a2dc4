"""What follows from a merge or its undoing for people: a Provenance beside the records, and a notice to those who read.

Who read a record while it was merged may have seen two people as one. Each organization that did is told by a
Communication of its own (FHIR R4 communication.html), about the record it read and no other.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from hub.contracts.codes import BASE
from hub.contracts.site import ZONE
from hub.contracts.store import CommitView

Readers = Callable[[CommitView, Sequence[str], int], Sequence[tuple[str, str]]]
"""``(view, Patient ids, since in microseconds)`` to pairs of organization and the Patient it was shown since then."""
Activity = Literal["merge", "unmerge", "link", "unlink", "amend"]

TOPIC = f"{BASE}/CodeSystem/communication-topic"
UNMERGED = "patient-unmerged"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_CATEGORY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "alert"}],
    "text": "身份更正通知",
}


def record(view: CommitView, activity: Activity, patients: Sequence[str], statement: str, reason: str) -> None:
    """The Provenance of an act on these Patients (ids), said by ``statement`` (``Linkage/ID``); it lies with the first
    Patient and belongs to that one's organization."""
    first = view.read("Patient", patients[0])
    if first is None:
        return
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
    view.put("Provenance", provenance, owner=first.owner, patient=patients[0])


def tell_readers(view: CommitView, readers: Readers, patients: Iterable[str], since_us: int) -> None:
    """A notice to each organization that was shown one of these Patients since ``since_us``."""
    since = datetime.fromtimestamp(since_us / 1_000_000, ZONE)
    for organization, patient in readers(view, list(patients), since_us):
        view.put("Communication", _notice(organization, patient, since, view.now), owner=organization, patient=patient)


def _notice(organization: str, patient: str, since: datetime, now: datetime) -> dict[str, Any]:
    zh = (
        f"贵机构在 {since:%Y-%m-%d %H:%M} 之后查阅过这份患者档案。它曾与另一份档案合并，现已撤销合并："
        "其间一并看到的内容可能属于另一个人，请核对据此作出的诊疗。"
    )
    en = (
        f"Your organization read this Patient record after {since:%Y-%m-%d %H:%M}, while it was merged with another. "
        "They have been separated again: what was seen together may be of two people. Check what was decided on it."
    )
    return {
        "resourceType": "Communication",
        "status": "completed",
        "category": [_CATEGORY],
        "priority": "urgent",
        "subject": {"reference": f"Patient/{patient}"},
        "topic": {"coding": [{"system": TOPIC, "code": UNMERGED}], "text": "撤销患者合并"},
        "sent": _instant(now),
        "recipient": [{"reference": f"Organization/{organization}"}],
        "payload": [{"contentString": zh}, {"contentString": en}],
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
