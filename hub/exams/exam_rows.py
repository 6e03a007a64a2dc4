"""From a resource to its exam rows: DiagnosticReport, ImagingStudy, ServiceRequest, Observation, Procedure, Specimen,
CarePlan. Pure: of the resource alone, before any lock is taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .examination import Determination, Examination, Kind, encode
from .fhir_reading import (
    UNDATED_US,
    concept,
    concepts,
    extensions,
    first_line,
    name_of,
    nested,
    part,
    parts,
    performed_us,
    reference,
    references,
    text,
    value_of,
)
from .follow_up import recommended_days
from .local_codes import NO_LOCAL_CODES, LocalCodes
from .observed import is_abnormal, is_laboratory, is_rejected
from .row import PLAN, REPORT, SPECIMEN, UNREAD_IMAGING, Detail, State, keys_of
from .specimens import method_said, specified, specimen_said
from .understanding import NOT_UNDERSTOOD, Said, Understood, understand

_REPORT_STATES = {
    **dict.fromkeys(("final", "amended", "corrected", "appended"), State.FINAL),
    **dict.fromkeys(("registered", "partial", "preliminary"), State.EXPECTED),
}
_STUDY_STATES = {"available": State.PERFORMED, "registered": State.EXPECTED}
_ORDER_STATES = {"active": State.ORDERED, "on-hold": State.ORDERED}
_PROCEDURE_STATES = {
    "completed": State.PERFORMED,
    "in-progress": State.EXPECTED,
    "preparation": State.EXPECTED,
}
_UNIT_DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0, "h": 1 / 24, "min": 1 / 1440}


@dataclass(frozen=True, slots=True)
class Proto:
    """A row without its owner and patient. ``results`` are the Observations a laboratory report cites."""

    keys: tuple[str, ...]
    anchor_us: int
    state: State
    exam: bytes | None
    links: tuple[str, ...]
    detail: Detail
    results: tuple[str, ...] = ()


@lru_cache(maxsize=16384)
def _encoded(examination: Examination) -> bytes:
    return encode(examination)


@lru_cache(maxsize=16384)
def _laboratory(determinations: tuple[Determination, ...]) -> Examination:
    return Examination(Kind.LABORATORY, determinations=determinations)


def _anchored(found: tuple[int, bool] | None) -> tuple[int, bool]:
    return found if found is not None else (UNDATED_US, False)


def _organization(resource: Any, name: str) -> tuple[str, str]:
    """Id of the first Organization among performers, and the name to show."""
    organization, shown = "", ""
    for performer in parts(resource, name):
        each = part(performer, "actor") or performer
        target = reference(each)
        if target.startswith("Organization/") and not organization:
            organization = target.partition("/")[2]
            shown = text(each, "display") or shown
        shown = shown or text(each, "display")
    return organization, shown


def _marks(resource: Any) -> dict[str, Any]:
    """Recognition mark, external quality assessment, quality complaint, recommended follow-up: our extensions."""
    found: dict[str, Any] = {}
    if part(resource, "extension") is None:
        return found
    for mark in extensions(resource, "recognition-mark"):
        found["mark"] = str(value_of(nested(mark, "mark")) or "")
        found["mark_scope"] = str(value_of(nested(mark, "scope")) or "")
    for assessed in extensions(resource, "external-quality-assessment"):
        period = part(nested(assessed, "period"), "valuePeriod")
        start, end = performed_us(period, "start"), performed_us(period, "end")
        day_us = 86_400_000_000
        found["assessed_from_us"] = start[0] if start else None
        found["assessed_to_us"] = end[0] + (day_us - 1 if end[1] else 0) if end else None
        found["assessment_passed"] = value_of(nested(assessed, "passed")) is True
    for complaint in extensions(resource, "quality-complaint"):
        found["quality_complaint"] = str(value_of(complaint) or "poor")
    for recommended in extensions(resource, "recommended-follow-up"):
        duration = part(recommended, "valueDuration") or part(recommended, "valueQuantity")
        try:
            days = float(part(duration, "value")) * _UNIT_DAYS.get(text(duration, "code") or "d", 1.0)
        except (TypeError, ValueError):
            continue
        found["follow_up_days"] = days
    return found


def _report(resource: Any, local: LocalCodes) -> list[Proto]:
    code = concept(part(resource, "code"))
    understood = understand((code,), local=local) if code else NOT_UNDERSTOOD
    state = _REPORT_STATES.get(text(resource, "status"), State.VOID)
    anchor_us, date_only = _anchored(performed_us(resource, "effectiveDateTime", "effectivePeriod"))
    organization, place = _organization(resource, "performer")
    conclusion = text(resource, "conclusion") or name_of(next(iter(concepts(resource, "conclusionCode")), None))
    marks = _marks(resource)
    if "follow_up_days" not in marks and (days := recommended_days(conclusion)) is not None:
        marks["follow_up_days"] = days
    if state is State.FINAL and is_rejected((conclusion,)):
        state = State.VOID
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
    if exam is None and (results or specimens) and not studies:
        return [Proto((REPORT,), anchor_us, state, None, based_on + specimens, detail, results)]
    if exam is None:
        return [Proto((UNREAD_IMAGING,), anchor_us, state, None, based_on + studies, detail)]
    if exam.kind is not Kind.LABORATORY:
        return [Proto(keys_of(exam), anchor_us, state, _encoded(exam), based_on + studies, detail)]
    head = Proto((REPORT,), anchor_us, state, _encoded(exam), based_on + specimens, detail, results)
    claims = Proto(keys_of(exam), anchor_us, state, _encoded(exam), based_on + specimens, _claimed(detail, results))
    return [head, claims]


def _claimed(detail: Detail, results: Sequence[str]) -> Detail:
    return Detail(
        name=detail.name, status=detail.status, date_only=detail.date_only, claimed=True, result_count=len(results)
    )


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
    anchor_us, date_only = _anchored(performed_us(resource, "started"))
    organization, place = _organization(resource, "performer")
    detail = Detail(
        name=name_of(names[0]) if names else "",
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
        **_marks(resource),
    )
    state = _STUDY_STATES.get(text(resource, "status"), State.VOID)
    exam = understood.examination
    keys = keys_of(exam) if exam and exam.kind is not Kind.LABORATORY else (UNREAD_IMAGING,)
    return [Proto(keys, anchor_us, state, _encoded(exam) if exam else None, references(resource, "basedOn"), detail)]


def _requested_specimen(resource: Any) -> str:
    """The specimen that an order states: by display, or as a contained Specimen."""
    contained = {f"#{text(each, 'id')}": each for each in parts(resource, "contained")}
    said: list[Said] = []
    for each in parts(resource, "specimen"):
        said += [Said((), text(each, "display")), *concepts(contained.get(text(each, "reference")), "type")]
    return specimen_said(said)


def request_understood(resource: Any, local: LocalCodes = NO_LOCAL_CODES) -> Understood:
    """What examination a ServiceRequest asks for: its code, else the detail of the order, with its body sites and
    specimen."""
    names = [said for said in (concept(part(resource, "code")),) if said]
    names += concepts(resource, "orderDetail")
    sites = concepts(resource, "bodySite")
    understood = understand(tuple(names), sites, local=local)
    if understood.examination is None and len(names) > 1:
        understood = understand(tuple(names[:1]), sites, local=local)
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
    anchor_us, date_only = _anchored(performed_us(resource, "authoredOn"))
    organization, place = _organization(resource, "performer")
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
    return [Proto(keys_of(exam), anchor_us, state, _encoded(exam), references(resource, "basedOn"), detail)]


def _observation(resource: Any, local: LocalCodes) -> list[Proto]:
    if not is_laboratory(resource):
        return []
    code = concept(part(resource, "code"))
    components = parts(resource, "component")
    determinations: list[Determination] = []
    asked = (code, *(concept(part(each, "code")) for each in components)) if components else (code,)
    for said in asked:
        exam = understand((said,), local=local).examination if said else None
        if exam is not None and exam.kind is Kind.LABORATORY:
            determinations += exam.determinations
    if not determinations or (references(resource, "hasMember") and part(resource, "valueQuantity") is None):
        return []
    exam = _laboratory(tuple(dict.fromkeys(determinations)))
    stated = part(resource, "specimen")
    method = concepts(resource, "method")
    if stated is not None or method:
        exam = specified(exam, specimen_said((Said((), text(stated, "display")),)), method_said(method))
    state = _REPORT_STATES.get(text(resource, "status"), State.VOID)
    absent = part(resource, "dataAbsentReason") is not None and not components
    if absent or is_rejected(_free_text(resource)):
        state = State.VOID
    anchor_us, date_only = _anchored(performed_us(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant"))
    organization, place = _organization(resource, "performer")
    detail = Detail(
        name=name_of(code),
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        abnormal=any(is_abnormal(each) for each in (resource, *components)),
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        **_marks(resource),
    )
    links = references(resource, "basedOn") + tuple(filter(None, (reference(part(resource, "specimen")),)))
    return [Proto(keys_of(exam), anchor_us, state, _encoded(exam), links, detail)]


def _free_text(resource: Any) -> tuple[str, ...]:
    value = part(resource, "valueCodeableConcept")
    said = tuple(text(note, "text") for note in parts(resource, "note"))
    if value is not None:
        said = (*said, name_of(concept(value)))
    stated = text(resource, "valueString")
    return (*said, stated) if stated else said


def _procedure(resource: Any, local: LocalCodes) -> list[Proto]:
    code = concept(part(resource, "code"))
    understood = understand((code,), concepts(resource, "bodySite"), local=local) if code else NOT_UNDERSTOOD
    exam = understood.examination
    if exam is None or exam.kind is Kind.LABORATORY:
        return []
    state = _PROCEDURE_STATES.get(text(resource, "status"), State.VOID)
    anchor_us, date_only = _anchored(performed_us(resource, "performedDateTime", "performedPeriod"))
    organization, place = _organization(resource, "performer")
    detail = Detail(
        name=name_of(code),
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        contradictions=understood.contradictions,
        **_marks(resource),
    )
    links = references(resource, "basedOn") + references(resource, "report")
    return [Proto(keys_of(exam), anchor_us, state, _encoded(exam), links, detail)]


def _specimen(resource: Any, _: LocalCodes) -> list[Proto]:
    found = performed_us(part(resource, "collection"), "collectedDateTime", "collectedPeriod")
    anchor_us, date_only = _anchored(found)
    condition = tuple(name_of(said) for said in concepts(resource, "condition"))
    clotted = any(
        code in ("CLOT", "HEM", "CON") for said in concepts(resource, "condition") for _, code, _ in said.codings
    )
    notes = tuple(text(note, "text") for note in parts(resource, "note"))
    unusable = text(resource, "status") in ("unsatisfactory", "entered-in-error")
    state = State.VOID if unusable or clotted or is_rejected(condition + notes) else State.FACT
    kind = specimen_said(concepts(resource, "type"))
    return [Proto((SPECIMEN,), anchor_us, state, None, (), Detail(name=kind, date_only=date_only))]


def _plan(resource: Any, local: LocalCodes) -> list[Proto]:
    if text(resource, "status") != "active":
        return []
    found: list[Proto] = []
    for activity in parts(resource, "activity"):
        detail = part(activity, "detail")
        code = concept(part(detail, "code"))
        days = timing_days(part(detail, "scheduledTiming"))
        exam = understand((code,), local=local).examination if code and days else None
        if exam is not None:
            found.append(
                Proto(
                    (PLAN,),
                    UNDATED_US + len(found),  # one plan may hold several, and the anchor is part of the key
                    State.FACT,
                    _encoded(exam),
                    (),
                    Detail(name_of(code), interval_days=days),
                )
            )
    return found


def timing_days(timing: Any) -> float | None:
    """How far apart the repetitions of a Timing are, in days; None where it does not say."""
    repeat = part(timing, "repeat")
    try:
        period = float(part(repeat, "period"))
        frequency = float(part(repeat, "frequency") or 1)
    except (TypeError, ValueError):
        return None
    unit = _UNIT_DAYS.get(text(repeat, "periodUnit"))
    return period * unit / frequency if unit and frequency > 0 else None


_READERS: dict[str, Callable[[Any, LocalCodes], list[Proto]]] = {
    "DiagnosticReport": _report,
    "ImagingStudy": _study,
    "ServiceRequest": _order,
    "Observation": _observation,
    "Procedure": _procedure,
    "Specimen": _specimen,
    "CarePlan": _plan,
}
TYPES = frozenset(_READERS)


def proto_rows(resource_type: str, resource: Any, local: LocalCodes = NO_LOCAL_CODES) -> list[Proto]:
    """The rows of one resource; empty for one that is no examination. ``local`` is the code map of its owner."""
    return _READERS[resource_type](resource, local)
