"""One patient number, two people: a clinic's images name a person whom its record under that number is not.

Devices reuse numbers, and people mistype them. A study whose images give another name and birth date than the Patient
of its PatientID is refused here, in the commit that would have made the two one; the imaging door then gives it a
Patient of its own, and a person decides whether they are one.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.codes import LOCAL_ID
from hub.contracts.errors import Conflict
from hub.contracts.store import CommitView, Reaction, Written
from hub.contracts.submission import Channel, Entry

from . import records, reviews
from .evidence import Evidence, evidence_of
from .judging import Kind, judge
from .names import Grade
from .partition import Doubt
from .weights_in_force import weights_in_force

ROOM = "shared-number"
NUMBER_REUSED = "number-reused"
"""Rule of a review between the Patient of a number and another person whose images bear it."""
_OWN_SYSTEM = re.compile(re.escape(LOCAL_ID) + r"/([^/]+)/DICOM\Z")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def SharedNumberReaction() -> Reaction:
    """After the identity reaction."""
    return Reaction(room=ROOM, types=frozenset({"ImagingStudy", "Patient"}), run=_run)


def _run(written: Sequence[Written], view: CommitView) -> None:
    if view.submission.origin.channel is not Channel.DICOM:
        return
    new = {one.id for one in written if one.type == "Patient"}
    named = next((entry for entry in view.submission.entries if entry.type == "Patient"), None)
    for one in written:
        if one.type == "ImagingStudy" and named is not None and one.patient is not None and one.patient not in new:
            _check(named, one.patient, view)
        if one.type == "Patient" and one.version == 1:
            _ask(one, view)


def _check(named: Entry, patient_id: str, view: CommitView) -> None:
    stored = view.read("Patient", patient_id)
    if stored is None:
        return
    known, said = evidence_of(_decode(stored.body)), evidence_of(_decode(named.body))
    if are_two(known, said, view):
        raise Conflict(
            "The patient number is that of another person.",
            where="Patient.identifier",
            remedy="Give the study a Patient of its own, or correct the number.",
            issue_code="business-rule",
        )


def are_two(known: Evidence, said: Evidence, view: CommitView) -> bool:
    """Whether the evidence of both contradicts beyond what a mistyped value explains. Where under one number name or
    birth date agree, it was a correction, a married name, a child that has got its name."""
    if known.temporary is not None or said.temporary is not None:
        return False
    judgement = judge(known, said, weights_in_force(view.rows))
    name_differs = judgement.score.grade is Grade.OTHER
    if judgement.kind is Kind.VETO:
        return name_differs or judgement.score.grade is Grade.ABSENT
    born = known.known_born is not None and known.known_born == said.known_born
    return name_differs and not born


def _ask(one: Written, view: CommitView) -> None:
    """A Patient that the imaging door made apart: is he the one of that number after all?"""
    for identifier in _decode(one.body).get("identifier") or ():
        own = _OWN_SYSTEM.match(str(identifier.get("system") or ""))
        if own is None:
            continue
        number = str(identifier.get("value") or "").rpartition("/")[0]
        for holder in view.find("Patient", "identifier", f"{LOCAL_ID}/{own[1]}/PI", number):
            if holder.id != one.id and holder.owner == one.owner:
                _review(one.id, holder.id, view)


def _review(patient_id: str, holder_id: str, view: CommitView) -> None:
    mine, other = records.of_patient(view.rows, patient_id), records.of_patient(view.rows, holder_id)
    if mine is None or other is None or mine.person_id == other.person_id:
        return
    weights = weights_in_force(view.rows)
    doubt = Doubt(mine, other, judge(mine.evidence, other.evidence, weights))
    reviews.open_review(view, doubt, weights.version, NUMBER_REUSED)
