"""Identity reviews as Tasks with code ``identity-review``: what a person must decide, for those who administer.

Computed from the queue, never stored; decided at ``POST /identity/reviews/ID``. A Task names the two records by
reference and says nothing of the persons.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.codes import IDENTITY_REVIEW, TASK_CODE
from hub.contracts.errors import Forbidden, Incorrect
from hub.contracts.gate import Gate
from hub.fhir.bundle import searchset
from hub.identity.comparison import instant
from hub.identity.desk import MOST_LISTED, REVIEW_PREFIX, Desk
from hub.identity.reviews import WAITING, Review, State

_STATUS = {
    State.OPEN: "requested",
    State.LATER: "on-hold",
    State.SAME: "completed",
    State.NOT_SAME: "completed",
    State.OBSOLETE: "cancelled",
}
_CODES = frozenset({IDENTITY_REVIEW, f"{TASK_CODE}|{IDENTITY_REVIEW}"})
_KNOWN = frozenset(
    {"code", "status", "_id", "patient", "subject", "_count", "_sort", "_summary", "_total", "_format", "_pretty"}
)
DEFAULT_COUNT = 50


class ReviewTasks:
    """``VirtualType`` of the identity reviews among the Tasks."""

    def __init__(self, desk: Desk, gate: Gate, audit: ReadAudit) -> None:
        self._desk = desk
        self._gate = gate
        self._audit = audit

    def owns(self, resource_id: str) -> bool:
        return resource_id.startswith(REVIEW_PREFIX)

    def read(self, resource_id: str, caller: Caller) -> bytes | None:
        if not self.owns(resource_id) or not self._may(caller):
            return None
        review = self._desk.review(resource_id.removeprefix(REVIEW_PREFIX))
        if review is None:
            return None
        self._audit.note(caller, "read", "Task", [review.one, review.other])
        return msgspec.json.encode(task_of(review))

    def search(self, pairs: Sequence[tuple[str, str]], caller: Caller, base: str) -> bytes | None:
        """Where ``code`` is identity-review. ``status``, ``patient`` and ``_id`` narrow it; those that wait come first,
        the oldest before the others."""
        by_code = any(name == "code" and value in _CODES for name, value in pairs)
        by_id = any(name == "_id" and value.startswith(REVIEW_PREFIX) for name, value in pairs)
        if not (by_code or by_id) or not self._may(caller):
            return None
        states, patient, most = _states(pairs), _patient(pairs), _count(pairs)
        found = self._desk.reviews(states, MOST_LISTED, patient_id=patient) if most else []
        found.sort(key=lambda one: one.state not in WAITING)
        ids = {part for name, value in pairs if name == "_id" for part in value.split(",")}
        found = [one for one in found if not ids or f"{REVIEW_PREFIX}{one.id}" in ids]
        total = len(found) if ids else self._desk.count(states, patient_id=patient)
        shown = found[:most]
        self._audit.note(caller, "search-type", "Task", sorted({p for one in shown for p in (one.one, one.other)}))
        tasks = [(f"Task/{REVIEW_PREFIX}{one.id}", msgspec.json.encode(task_of(one))) for one in shown]
        return searchset(base, tasks, links=[("self", f"{base}/Task?{urlencode(pairs)}")], total=total)

    def _may(self, caller: Caller) -> bool:
        try:
            self._gate.check_action(caller, "identity-review")
        except Forbidden:
            return False
        return True


def task_of(review: Review) -> dict[str, Any]:
    """FHIR R4 Task. ``focus`` and the input ``candidate`` are the two records."""
    task: dict[str, Any] = {
        "resourceType": "Task",
        "id": f"{REVIEW_PREFIX}{review.id}",
        "meta": {"versionId": str(review.changed_us), "lastUpdated": instant(review.changed_us)},
        "status": _STATUS[review.state],
        "businessStatus": {"text": review.state.value},
        "intent": "order",
        "priority": "routine",
        "code": {"coding": [{"system": TASK_CODE, "code": IDENTITY_REVIEW}], "text": "身份核对"},
        "description": f"两份患者档案可能是同一人，请核对（{review.rule}） · Two Patient records may be one person.",
        "focus": {"reference": f"Patient/{review.one}"},
        "for": {"reference": f"Patient/{review.one}"},
        "authoredOn": instant(review.opened_us),
        "lastModified": instant(review.changed_us),
        "input": [
            {"type": {"text": "candidate"}, "valueReference": {"reference": f"Patient/{review.other}"}},
            {"type": {"text": "rule"}, "valueString": review.rule},
            {"type": {"text": "bits"}, "valueDecimal": round(review.bits, 1)},
        ],
    }
    if review.state in (State.SAME, State.NOT_SAME):
        task["output"] = [{"type": {"text": "decision"}, "valueCode": review.state.value}]
    if review.reason:
        task["note"] = [{"text": review.reason}]
    return task


def _states(pairs: Sequence[tuple[str, str]]) -> list[State]:
    """Raises Incorrect (400) for a parameter that is not known here."""
    wanted = set(State)
    for name, value in pairs:
        if name not in _KNOWN:
            raise Incorrect(
                f"The parameter {name[:64]!r} is not known to a search for identity reviews.",
                where=name[:64],
                remedy=f"Known are {', '.join(sorted(_KNOWN))}.",
                issue_code="not-supported",
                http_status=400,
            )
        if name == "status":
            asked = {part.rpartition("|")[2] for part in value.split(",")}
            wanted &= {state for state, status in _STATUS.items() if status in asked}
    return sorted(wanted)


def _patient(pairs: Sequence[tuple[str, str]]) -> str | None:
    named = [value.rpartition("/")[2] for name, value in pairs if name in ("patient", "subject")]
    return named[0] if named else None


def _count(pairs: Sequence[tuple[str, str]]) -> int:
    values = [value for name, value in pairs if name == "_count"]
    if ("_summary", "count") in pairs:
        return 0
    return int(values[0]) if values and values[0].isascii() and values[0].isdigit() else DEFAULT_COUNT
