"""From a resource to its exam rows: DiagnosticReport, ImagingStudy, ServiceRequest, Observation, Procedure, Specimen,
CarePlan. Pure: of the resource alone, before any lock is taken."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from ..examination import Examination, Kind
from ..naming.local_codes import NO_LOCAL_CODES, LocalCodes
from ..naming.specimens import specified, specimen_said
from ..naming.understanding import NOT_UNDERSTOOD, Said, Understood, understand
from .fhir_reading import (
    UNDATED_US,
    concept,
    concepts,
    first_line,
    name_of,
    part,
    parts,
    performed_us,
    reference,
    references,
    text,
)
from .follow_up import recommended_days
from .laboratory_rows import Collected, contained, contained_specimen, observation_rows, specimen_rows
from .observed import is_rejected
from .proto import REPORT_STATES, Proto, anchored, encoded, marks_of, organization_of, timing_days
from .row import PLAN, REPORT, UNREAD_IMAGING, Detail, State, keys_of

_STUDY_STATES = {"available": State.PERFORMED, "registered": State.EXPECTED}
_ORDER_STATES = {"active": State.ORDERED, "on-hold": State.ORDERED, "completed": State.FACT}
"""A completed order is not in flight; it tells what a report is of that does not say it itself."""
_ENDED = frozenset({"cancelled", "stopped", "completed", "entered-in-error"})
"""CarePlan.activity.detail.status of what is not repeated any more."""
_PROCEDURE_STATES = {
    "completed": State.PERFORMED,
    "in-progress": State.EXPECTED,
    "preparation": State.EXPECTED,
}


def _report(resource: Any, local: LocalCodes) -> list[Proto]:
    code = concept(part(resource, "code"))
    understood = understand((code,), local=local) if code else NOT_UNDERSTOOD
    state = REPORT_STATES.get(text(resource, "status"), State.VOID)
    specimen = contained_specimen(resource)
    anchor_us, date_only = anchored(specimen.at or performed_us(resource, "effectiveDateTime", "effectivePeriod"))
    organization, place = organization_of(resource, "performer")
    conclusion = text(resource, "conclusion") or name_of(next(iter(concepts(resource, "conclusionCode")), None))
    marks = marks_of(resource)
    if "follow_up_days" not in marks and (days := recommended_days(conclusion)) is not None:
        marks["follow_up_days"] = days
    detail = Detail(
        name=name_of(code),
        place=place,
        conclusion=first_line(conclusion),
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
        **marks,
    )
    based_on, studies = references(resource, "basedOn"), references(resource, "imagingStudy")
    results, specimens = references(resource, "result"), references(resource, "specimen")
    exam = understood.examination
    if exam is not None and exam.kind is not Kind.LABORATORY:
        return [Proto(keys_of(exam), anchor_us, state, encoded(exam), based_on + studies, detail)]
    if exam is None and (studies or not (results or specimens)):
        return [Proto((UNREAD_IMAGING,), anchor_us, state, None, based_on + studies, detail)]
    if state is State.FINAL and (specimen.unusable or is_rejected((conclusion,))):
        state = State.VOID
    return _laboratory_report(resource, local, Proto((REPORT,), anchor_us, state, None, based_on + specimens, detail,
                                                     results), exam, specimen)  # fmt: skip


def _laboratory_report(
    resource: Any, local: LocalCodes, head: Proto, exam: Examination | None, specimen: Collected
) -> list[Proto]:
    """The head of a laboratory report, and what it tells by itself: its contained results, else what its name claims
    (which gives way to the results that it cites, once they are known)."""
    exam = specified(exam, specimen.kind) if exam is not None else None
    inside = [row for each in contained(resource, "result") for row in observation_rows(each, local)]
    if inside:
        rows = [
            row if row.anchor_us != UNDATED_US else replace(row, anchor_us=head.anchor_us, detail=_dated_as(row, head))
            for row in inside
        ]
        cited = tuple(ref for ref in head.results if not ref.startswith("#"))
        return [replace(head, results=cited), *rows]
    if exam is None:
        return [head]
    claimed = Detail(
        name=head.detail.name,
        status=head.detail.status,
        date_only=head.detail.date_only,
        claimed=True,
        result_count=len(head.results),
    )
    claims = Proto(keys_of(exam), head.anchor_us, head.state, encoded(exam), head.links, claimed)
    return [replace(head, exam=encoded(exam)), claims]


def _dated_as(row: Proto, head: Proto) -> Detail:
    return msgspec.structs.replace(row.detail, date_only=head.detail.date_only)


def _study(resource: Any, local: LocalCodes) -> list[Proto]:
    modalities = tuple(
        text(each, "code")
        for element in (resource, *parts(resource, "series"))
        for each in parts(element, "modality")
        if text(each, "code")
    )
    names = [*concepts(resource, "procedureCode")]
    if description := text(resource, "description"):
        names.append(Said((), description))
    sites: list[Said] = []
    for series in parts(resource, "series"):
        site, side = concept(part(series, "bodySite")), concept(part(series, "laterality"))
        codings = (site.codings if site else ()) + (side.codings if side else ())
        if codings and Said(codings) not in sites:
            sites.append(Said(codings))
    understood = understand(tuple(names), tuple(sites), tuple(dict.fromkeys(modalities)), local)
    anchor_us, date_only = anchored(performed_us(resource, "started") or _first_series(resource))
    organization, place = organization_of(resource, "performer")
    detail = Detail(
        name=name_of(names[0]) if names else "",
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
        **marks_of(resource),
    )
    state = _STUDY_STATES.get(text(resource, "status"), State.VOID)
    exam = understood.examination
    keys = keys_of(exam) if exam and exam.kind is not Kind.LABORATORY else (UNREAD_IMAGING,)
    return [Proto(keys, anchor_us, state, encoded(exam) if exam else None, references(resource, "basedOn"), detail)]


def _first_series(study: Any) -> tuple[int, bool] | None:
    """When the first series began, for a study that does not say it of itself."""
    return min((found for each in parts(study, "series") if (found := performed_us(each, "started"))), default=None)


def _requested_specimen(resource: Any) -> str:
    """The specimen that an order states: as a contained Specimen, or by display."""
    said = tuple(Said((), text(each, "display")) for each in parts(resource, "specimen"))
    return contained_specimen(resource).kind or specimen_said(said)


def _in_detail(
    plain: Understood, code: Said, details: Sequence[Said], sites: Sequence[Said], local: LocalCodes
) -> Understood:
    """With what the details of an order add to its code: phases, views, a side; a whole name where it has none."""
    words = " ".join(filter(None, (name_of(code), *map(name_of, details))))
    more = understand((Said(code.codings, words),), sites, local=local)
    if more.examination is None:
        more = understand((code, *details), sites, local=local)
    if plain.examination is None or more.examination is None:
        return plain if more.examination is None else more
    same = more.examination.regions == plain.examination.regions
    return more if same and more.examination.analytes == plain.examination.analytes else plain


def request_understood(resource: Any, local: LocalCodes = NO_LOCAL_CODES) -> Understood:
    """What examination a ServiceRequest asks for: its code, else the detail of the order, with its body sites and
    specimen."""
    code, details = concept(part(resource, "code")), concepts(resource, "orderDetail")
    sites = concepts(resource, "bodySite")
    understood = understand((code,) if code else (), sites, local=local)
    if details:
        understood = _in_detail(understood, code or Said(), details, sites, local)
    exam = understood.examination
    if exam is not None and exam.kind is Kind.LABORATORY and part(resource, "specimen") is not None:
        return replace(understood, examination=specified(exam, _requested_specimen(resource)))
    return understood


def _order(resource: Any, local: LocalCodes) -> list[Proto]:
    state = _ORDER_STATES.get(text(resource, "status"))
    if state is None or text(resource, "intent") in ("proposal", "option") or part(resource, "doNotPerform") is True:
        return []
    understood = request_understood(resource, local)
    exam = understood.examination
    if exam is None:
        return []
    anchor_us, date_only = anchored(performed_us(resource, "authoredOn"))
    organization, place = organization_of(resource, "performer")
    if not place:
        place = text(part(resource, "requester"), "display")
    detail = Detail(
        name=name_of(concept(part(resource, "code"))),
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
    )
    return [Proto(keys_of(exam), anchor_us, state, encoded(exam), references(resource, "basedOn"), detail)]


def _procedure(resource: Any, local: LocalCodes) -> list[Proto]:
    code = concept(part(resource, "code"))
    understood = understand((code,), concepts(resource, "bodySite"), local=local) if code else NOT_UNDERSTOOD
    exam = understood.examination
    if exam is None or exam.kind is Kind.LABORATORY:
        return []
    state = _PROCEDURE_STATES.get(text(resource, "status"), State.VOID)
    anchor_us, date_only = anchored(performed_us(resource, "performedDateTime", "performedPeriod"))
    organization, place = organization_of(resource, "performer")
    detail = Detail(
        name=name_of(code),
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
        **marks_of(resource),
    )
    links = references(resource, "basedOn") + references(resource, "report")
    return [Proto(keys_of(exam), anchor_us, state, encoded(exam), links, detail)]


def _plan(resource: Any, local: LocalCodes) -> list[Proto]:
    if text(resource, "status") != "active":
        return []
    found: list[Proto] = []
    for activity in parts(resource, "activity"):
        detail = part(activity, "detail")
        code = concept(part(detail, "code"))
        days = timing_days(part(detail, "scheduledTiming")) if text(detail, "status") not in _ENDED else None
        exam = understand((code,), local=local).examination if code and days else None
        if exam is not None:
            found.append(
                Proto(
                    (PLAN,),
                    UNDATED_US + len(found),  # one plan may hold several, and the anchor is part of the key
                    State.FACT,
                    encoded(exam),
                    (),
                    Detail(name_of(code), interval_days=days),
                )
            )
    return found


_READERS: dict[str, Callable[[Any, LocalCodes], list[Proto]]] = {
    "DiagnosticReport": _report,
    "ImagingStudy": _study,
    "ServiceRequest": _order,
    "Observation": observation_rows,
    "Procedure": _procedure,
    "Specimen": specimen_rows,
    "CarePlan": _plan,
}
TYPES = frozenset(_READERS)


def proto_rows(resource_type: str, resource: Any, local: LocalCodes = NO_LOCAL_CODES) -> list[Proto]:
    """The rows of one resource; empty for one that is no examination. ``local`` is the code map of its owner."""
    return _READERS[resource_type](resource, local)
