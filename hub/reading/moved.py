"""A study that turns out to be somebody else's: its Task, reports and documents that speak of it go with it.

Whoever moves a study writes it anew with another subject, and may move it back; what follows it follows it both ways.
"""

from typing import Any

import msgspec

from hub.contracts.store import CommitView, Stored, Written

from .facts import Study, read_document, read_report
from .reports import final_reports

_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""A body element by element, each as it was written, so that the sender's digits stay."""


def note_document(one: Written, view: CommitView) -> None:
    """Which studies a DocumentReference names in its context (the original of an ECG)."""
    context = read_document(one.body).context if not one.deleted else None
    for reference in context.related if context else ():
        if study := reference.id_of("ImagingStudy"):
            view.execute(
                "INSERT OR IGNORE INTO reading_document (study_id, document_id) VALUES (?, ?)", (study, one.id)
            )


def follow_patient(one: Written, view: CommitView) -> None:
    """The reading Task, the reports on this study alone and their results get the study's patient."""
    rows = view.rows("SELECT task_id, patient_id FROM reading_task WHERE study_id = ?", (one.id,))
    if not rows or rows[0][1] == one.patient or one.patient is None:
        return
    task_id, before = rows[0]
    view.execute("UPDATE reading_task SET patient_id = ? WHERE task_id = ?", (one.patient, task_id))
    task = view.read("Task", task_id)
    if task is not None:
        _put(task, "for", one.patient, view)
    if before is not None:
        for report_id in _reports(one.id, view):
            _move_report(report_id, before, one.patient, view)
        for (document_id,) in view.rows("SELECT document_id FROM reading_document WHERE study_id = ?", (one.id,)):
            document = view.read("DocumentReference", document_id)
            if document is not None and document.owner == one.owner and document.patient == before:
                _put(document, "subject", one.patient, view)


def follow_status(one: Written, study: Study, view: CommitView) -> None:
    """Of a study without images nothing is to be read: its Task, if nobody has finished it, is cancelled and lets go of
    the study, which gets another where it comes back."""
    if study.status not in ("cancelled", "entered-in-error"):
        return
    rows = view.rows(
        "SELECT task_id FROM reading_task WHERE study_id = ? AND status IN ('requested', 'in-progress')", (one.id,)
    )
    for (task_id,) in rows:
        view.execute("DELETE FROM reading_task WHERE task_id = ?", (task_id,))
        task = view.read("Task", task_id)
        if task is not None:
            _put_elements(task, {"status": "cancelled"}, view)


def _reports(study_id: str, view: CommitView) -> list[str]:
    """Reports, final or not, that name this study."""
    rows = view.rows("SELECT report_id FROM reading_cite WHERE target = ?", (f"ImagingStudy/{study_id}",))
    return sorted({row[0] for row in rows} | set(final_reports(study_id, view)))


def _move_report(report_id: str, before: str, patient: str, view: CommitView) -> None:
    report = view.read("DiagnosticReport", report_id)
    if report is None or report.patient != before:
        return
    said = read_report(report.body)
    if len({one.literal() for one in said.imagingStudy}) > 1:
        return  # it speaks of studies that stay where they are: a person has to decide
    _put(report, "subject", patient, view)
    for result in said.result:
        id_ = result.id_of("Observation")
        observation = view.read("Observation", id_) if id_ else None
        if observation is not None and observation.owner == report.owner and observation.patient == before:
            _put(observation, "subject", patient, view)


def _put(stored: Stored, element: str, patient: str, view: CommitView) -> None:
    _put_elements(stored, {element: {"reference": f"Patient/{patient}"}}, view, patient)


def _put_elements(stored: Stored, changed: dict[str, Any], view: CommitView, patient: str | None = None) -> None:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in changed.items()}
    if stored.type == "Task":
        instant = view.now.isoformat(timespec="milliseconds")
        raw["lastModified"] = msgspec.Raw(msgspec.json.encode(instant))
    body: dict[str, Any] = _elements(stored.body) | raw
    view.put(stored.type, body, owner=stored.owner, id=stored.id, patient=patient or stored.patient)
