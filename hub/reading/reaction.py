"""Opens, guards and follows reading Tasks inside the commits that concern them."""

from collections.abc import Sequence
from typing import Any

from hub.contracts.codes import BASE, READ_STUDY, TASK_CODE
from hub.contracts.errors import Conflict, Forbidden, Incorrect
from hub.contracts.store import CommitView, Reaction, Written
from hub.contracts.submission import Channel

from .facts import Study, Task, read_order, read_study, read_task
from .late_images import seen_by_report, tell_of_late_images
from .moved import follow_patient, follow_status, note_document
from .reports import final_reports, follow_report, resolved
from .tables import READING_TABLES
from .task_states import Move, Standing, Status, holder_after

TASK_IDENTIFIER = f"{BASE}/reading-task"
"""Identifier.system of a reading Task; the value is the id of its ImagingStudy."""

OPENING_CHANNELS = frozenset({Channel.DICOM, Channel.ECG})
"""Doors whose studies wait for a report. An ImagingStudy merely posted by FHIR opens no Task."""


def ReadingReaction() -> Reaction:
    """A study that came through the gateway or as an ECG gets its Task; a Task moves only as ``task_states`` says; a
    final report is shared with whom it answers."""
    types = frozenset({"ImagingStudy", "Task", "DiagnosticReport", "DocumentReference"})
    return Reaction(room="reading", types=types, run=follow, tables=READING_TABLES)


def follow(written: Sequence[Written], view: CommitView) -> None:
    """The consequence. Studies before reports before new Tasks before moves: within one submission order has no say."""
    names = frozenset(f"{one.type}/{one.id}" for one in written)
    studies = [one for one in written if one.type == "ImagingStudy" and not one.deleted]
    for one in studies:
        study = read_study(one.body)
        _note_orders(one.id, study, view)
        if one.version > 1:
            follow_patient(one, view)
            follow_status(one, study, view)
            tell_of_late_images(one, view)
    for one in written:
        if one.type == "DocumentReference":
            note_document(one, view)
        if one.type == "DiagnosticReport":
            targets = follow_report(one, names, view)
            if targets is not None and _is_sent(one, view):
                seen_by_report(*targets, view)
    if view.submission.origin.channel in OPENING_CHANNELS:
        for one in studies:
            _open(one, read_study(one.body), view)
    for one in written:
        if one.type == "Task":
            _guard(one, view)


def _is_sent(one: Written, view: CommitView) -> bool:
    """Sent by somebody, not written by the hub to follow from something else."""
    return any(entry is one.entry for entry in view.submission.entries)


def _note_orders(study_id: str, study: Study, view: CommitView) -> None:
    view.execute("DELETE FROM reading_order WHERE study_id = ?", (study_id,))
    for order in resolved("ServiceRequest", study.basedOn, view):
        view.execute("INSERT OR IGNORE INTO reading_order (order_reference, study_id) VALUES (?, ?)", (order, study_id))


def _open(one: Written, study: Study, view: CommitView) -> None:
    if study.status in ("cancelled", "entered-in-error"):
        return
    if view.rows("SELECT 1 FROM reading_task WHERE study_id = ?", (one.id,)) or final_reports(one.id, view):
        return
    instant = view.now.isoformat(timespec="milliseconds")
    body: dict[str, Any] = {
        "resourceType": "Task",
        "identifier": [{"system": TASK_IDENTIFIER, "value": one.id}],
        "status": "requested",
        "intent": "order",
        "priority": _priority(study, view),
        "code": {"coding": [{"system": TASK_CODE, "code": READ_STUDY, "display": "Read study"}]},
        "focus": {"reference": f"ImagingStudy/{one.id}"},
        "authoredOn": instant,
        "lastModified": instant,
        "requester": {"reference": f"Organization/{one.owner}"},
    }
    orders = resolved("ServiceRequest", study.basedOn, view)
    if orders:
        body["basedOn"] = [{"reference": order} for order in orders]
    if one.patient is not None:
        body["for"] = {"reference": f"Patient/{one.patient}"}
    stored = view.put("Task", body, owner=one.owner, patient=one.patient)
    _register(stored.id, one.id, one.patient, one.owner, view)


def _priority(study: Study, view: CommitView) -> str:
    """Stat for an emergency; else the most urgent order's (request-priority); else routine."""
    if study.is_emergency:
        return "stat"
    asked = set()
    for reference in resolved("ServiceRequest", study.basedOn, view):
        order = view.read("ServiceRequest", reference.partition("/")[2])
        if order is not None:
            asked.add(read_order(order.body).priority)
    return next((priority for priority in ("stat", "asap", "urgent") if priority in asked), "routine")


def _register(task_id: str, study_id: str, patient_id: str | None, owner: str, view: CommitView) -> None:
    view.execute(
        "INSERT OR IGNORE INTO reading_task (task_id, study_id, patient_id, owner, status, holder)"
        " VALUES (?, ?, ?, ?, 'requested', NULL)",
        (task_id, study_id, patient_id, owner),
    )


def _guard(one: Written, view: CommitView) -> None:
    if not _is_sent(one, view):
        return  # the hub's own, made to follow from the submission
    rows = view.rows(
        "SELECT study_id, patient_id, owner, status, holder FROM reading_task WHERE task_id = ?", (one.id,)
    )
    if one.deleted:
        if rows:
            raise Conflict(
                "A reading Task is not deleted.", where="Task", remedy="Set its status to cancelled instead."
            )
        return
    task = read_task(one.body)
    if not rows:
        if task.is_reading:
            _admit(one, task, view)
        return
    study_id, patient_id, owner, status, holder = rows[0]
    if not task.is_reading or _focus(task) != study_id or task.patient != patient_id:
        raise Incorrect(
            "A reading Task keeps its code, focus and patient.",
            where="Task.focus",
            remedy="Send the Task as you read it and change status, owner, note and output alone.",
            issue_code="business-rule",
        )
    caller = view.caller
    reports = final_reports(study_id, view)
    move = Move(
        task.status,
        _owner_organization(task),
        has_if_match=one.entry.if_match is not None,
        reported=any(reports.get(id_) == caller.organization for id_ in task.reports),
    )
    standing = Standing(Status(status), holder, owner)
    view.execute(
        "UPDATE reading_task SET status = ?, holder = ? WHERE task_id = ?",
        (move.status, holder_after(standing, move, caller), one.id),
    )


def _admit(one: Written, task: Task, view: CommitView) -> None:
    """A reading Task that a client made itself: it asks for a report on a study of its own that has no Task yet."""
    study_id = _focus(task)
    study = view.read("ImagingStudy", study_id) if study_id else None
    if study is None or study.owner != one.owner:
        raise Forbidden(
            "A reading Task is for an ImagingStudy of one's own organization.",
            where="Task.focus",
            remedy="Name one of your own ImagingStudy resources.",
        )
    if view.rows("SELECT 1 FROM reading_task WHERE study_id = ?", (study.id,)):
        raise Conflict(
            "This study has its reading Task.", where="Task.focus", remedy="Search Task by focus and use that one."
        )
    if task.status != Status.REQUESTED or task.owner is not None:
        raise Incorrect(
            "A reading Task begins as requested and without an owner.",
            where="Task.status",
            remedy="Leave owner out and set status to requested; a reading centre claims it.",
            issue_code="business-rule",
        )
    _register(one.id, study.id, task.patient, one.owner, view)


def _focus(task: Task) -> str | None:
    return task.focus.id_of("ImagingStudy") if task.focus else None


def _owner_organization(task: Task) -> str | None:
    """The Organization id in ``Task.owner``; an owner of another kind counts as a foreign name."""
    if task.owner is None:
        return None
    return task.owner.id_of("Organization") or task.owner.reference or task.owner.display
