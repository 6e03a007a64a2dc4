"""Reports as this room follows them: which study or order they speak of, and who may read them for it."""

from collections.abc import Iterator, Sequence

from hub.contracts.store import CommitView, Written

from .facts import FINAL, Reference, Report, read_report
from .orders import complete

Targets = tuple[list[str], list[str]]
"""Studies and orders (``Type/id``) that a report speaks of."""


def follow_report(one: Written, written: frozenset[str], view: CommitView) -> Targets | None:
    """Note what a written DiagnosticReport cites; a final one becomes readable for the organizations whose study or
    order it answers, together with its results, and completes its orders; gives what it answers then. ``written``:
    ``Type/id`` of everything in the submission."""
    if one.deleted or one.version > 1:
        view.execute("DELETE FROM reading_cite WHERE report_id = ?", (one.id,))
    if one.deleted:
        return None
    report = read_report(one.body)
    studies = resolved("ImagingStudy", report.imagingStudy, view)
    orders = resolved("ServiceRequest", report.basedOn, view)
    if not studies and not orders:
        return None
    for target in studies or orders:
        # A report that names its studies says nothing of the other studies of the same order.
        view.execute(
            "INSERT OR REPLACE INTO reading_cite (target, report_id, status, owner) VALUES (?, ?, ?, ?)",
            (target, one.id, report.status, one.owner),
        )
    if report.status in FINAL:
        _share(one, report, [*studies, *orders], view)
        complete(one, orders, written, view)
        return studies, orders
    return None


def final_reports(study_id: str, view: CommitView) -> dict[str, str]:
    """Owner by report id of the final reports on a study: those that name it, and those that name no study but an order
    it was made for."""
    rows = view.rows(
        "SELECT report_id, owner, status FROM reading_cite WHERE target = ? OR target IN"
        " (SELECT order_reference FROM reading_order WHERE study_id = ?)",
        (f"ImagingStudy/{study_id}", study_id),
    )
    return {report_id: owner for report_id, owner, status in rows if status in FINAL}


def _share(one: Written, report: Report, targets: Sequence[str], view: CommitView) -> None:
    readers = {owner for target in targets for owner in _owners(target, view)} - {one.owner}
    if not readers:
        return
    cited = [id_ for reference in report.result if (id_ := reference.id_of("Observation"))]
    results = [id_ for id_ in cited if _owner("Observation", id_, view) == one.owner]
    for organization in sorted(readers):
        view.share("DiagnosticReport", one.id, organization)
        for id_ in results:
            view.share("Observation", id_, organization)


def _owners(target: str, view: CommitView) -> Iterator[str]:
    resource_type, _, id_ = target.partition("/")
    if resource_type not in ("ImagingStudy", "ServiceRequest"):
        return
    owner = _owner(resource_type, id_, view)
    if owner is not None:
        yield owner
    if resource_type == "ServiceRequest":
        rows = view.rows("SELECT study_id FROM reading_order WHERE order_reference = ?", (target,))
        for (study_id,) in rows:
            owner = _owner("ImagingStudy", study_id, view)
            if owner is not None:
                yield owner


def _owner(resource_type: str, id_: str, view: CommitView) -> str | None:
    stored = view.read(resource_type, id_)
    return stored.owner if stored else None


def resolved(resource_type: str, references: Sequence[Reference], view: CommitView) -> list[str]:
    """``Type/id`` of what is referred to, by literal reference or by identifier alone (R4 references.html#logical). An
    identifier without a system, or one that several resources carry, names nobody: a report must not go astray."""
    found: list[str] = []
    for reference in references:
        literal, identifier = reference.literal(), reference.identifier
        if literal is not None:
            found += [literal] if reference.id_of(resource_type) else []
        elif identifier is not None and identifier.system and identifier.value:
            stored = view.find(resource_type, "identifier", identifier.system, identifier.value)
            found += [one.reference for one in stored] if len(stored) == 1 else []
    return found
