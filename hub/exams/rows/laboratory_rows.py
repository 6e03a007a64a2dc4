"""Exam rows of laboratory work: Observation with its components, Specimen, and what a resource holds contained."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..examination import Determination, Examination, Kind
from ..naming.local_codes import LocalCodes
from ..naming.specimens import method_said, specified, specimen_said
from ..naming.understanding import Said, understand
from .fhir_reading import codes, concept, concepts, name_of, part, parts, performed_us, reference, references, text
from .observed import is_abnormal, is_laboratory, is_rejected
from .proto import REPORT_STATES, Proto, anchored, encoded, marks_of, organization_of
from .row import SPECIMEN, Detail, State, keys_of

_UNUSABLE = frozenset({"unsatisfactory", "entered-in-error"})
_UNUSABLE_CONDITIONS = frozenset({"CLOT", "HEM", "CON"})
"""HL7 v2-0493: clotted, haemolysed, contaminated."""
_EXAMINING = frozenset({"imaging", "procedure"})


@dataclass(frozen=True, slots=True)
class Collected:
    """What a Specimen tells: its kind, when it was taken (microseconds, and whether a mere date), whether it was of
    no use."""

    kind: str = ""
    at: tuple[int, bool] | None = None
    unusable: bool = False


def collected(specimen: Any) -> Collected:
    conditions = concepts(specimen, "condition")
    said = (*map(name_of, conditions), *(text(note, "text") for note in parts(specimen, "note")))
    return Collected(
        kind=specimen_said(concepts(specimen, "type")),
        at=performed_us(part(specimen, "collection"), "collectedDateTime", "collectedPeriod"),
        unusable=text(specimen, "status") in _UNUSABLE
        or any(code in _UNUSABLE_CONDITIONS for each in conditions for _, code, _ in each.codings)
        or is_rejected(said),
    )


def contained(resource: Any, name: str) -> tuple[Any, ...]:
    """The contained resources that the element ``name`` refers to."""
    inside = parts(resource, "contained")
    if not inside:
        return ()
    known = {f"#{text(each, 'id')}": each for each in inside}
    return tuple(known[ref] for each in parts(resource, name) if (ref := text(each, "reference")) in known)


def contained_specimen(resource: Any) -> Collected:
    """All contained specimens of a resource as one; empty where there is none."""
    found = [collected(each) for each in contained(resource, "specimen")]
    return Collected(
        kind=next((each.kind for each in found if each.kind), ""),
        at=next((each.at for each in found if each.at is not None), None),
        unusable=any(each.unusable for each in found),
    )


def specimen_rows(resource: Any, _: LocalCodes) -> list[Proto]:
    found = collected(resource)
    anchor_us, date_only = anchored(found.at)
    state = State.VOID if found.unusable else State.FACT
    return [Proto((SPECIMEN,), anchor_us, state, None, (), Detail(name=found.kind, date_only=date_only))]


@lru_cache(maxsize=16384)
def _laboratory(determinations: tuple[Determination, ...]) -> Examination:
    return Examination(Kind.LABORATORY, determinations=determinations)


def _determined(said: Said | None, local: LocalCodes) -> tuple[Determination, ...]:
    exam = understand((said,), local=local).examination if said else None
    return exam.determinations if exam is not None and exam.kind is Kind.LABORATORY else ()


def _absent(element: Any) -> bool:
    return part(element, "dataAbsentReason") is not None


def _results(resource: Any, local: LocalCodes) -> tuple[tuple[Determination, ...], tuple[Determination, ...]]:
    """What an Observation determines, and what it has no value for. Components that can all be read tell more than the
    name of their panel."""
    components = parts(resource, "component")
    named = _determined(concept(part(resource, "code")), local)
    if not components:
        return (named, ()) if not _absent(resource) else ((), named)
    read = [(each, _determined(concept(part(each, "code")), local)) for each in components]
    missing = tuple(one for each, found in read if _absent(each) for one in found)
    present = tuple(one for each, found in read if not _absent(each) for one in found)
    if not all(found for _, found in read):
        lacking = {one.analyte for one in missing}
        present = (*(one for one in named if one.analyte not in lacking), *present)
    return tuple(dict.fromkeys(present)), missing


def observation_rows(resource: Any, local: LocalCodes) -> list[Proto]:
    determined, missing = _results(resource, local) if is_laboratory(resource) else ((), ())
    if not (determined or missing):
        return _recording(resource, local)
    if references(resource, "hasMember") and part(resource, "valueQuantity") is None:
        return []
    state = REPORT_STATES.get(text(resource, "status"), State.VOID)
    specimen = contained_specimen(resource)
    if not determined or specimen.unusable or is_rejected(_free_text(resource)):
        state = State.VOID
    stated, method = part(resource, "specimen"), concepts(resource, "method")
    exam = _laboratory(determined or missing)
    if stated is not None or method:
        kind = specimen.kind or specimen_said((Said((), text(stated, "display")),))
        exam = specified(exam, kind, method_said(method))
    found = specimen.at or _performed(resource)
    abnormal = any(is_abnormal(each) for each in (resource, *parts(resource, "component")))
    links = references(resource, "basedOn") + tuple(filter(None, (reference(stated),)))
    return [_row(resource, exam, found, state, links, abnormal)]


def _recording(resource: Any, local: LocalCodes) -> list[Proto]:
    """An ECG or the like that came as an Observation of its own; what was measured on one is none."""
    if not codes(resource, "category") & _EXAMINING or parts(resource, "derivedFrom") or parts(resource, "partOf"):
        return []
    code = concept(part(resource, "code"))
    exam = understand((code,), concepts(resource, "bodySite"), local=local).examination if code else None
    if exam is None or exam.kind is Kind.LABORATORY:
        return []
    state = REPORT_STATES.get(text(resource, "status"), State.VOID)
    return [_row(resource, exam, _performed(resource), state, references(resource, "basedOn"), False)]


def _performed(resource: Any) -> tuple[int, bool] | None:
    return performed_us(resource, "effectiveDateTime", "effectivePeriod", "effectiveInstant")


def _row(
    resource: Any, exam: Examination, found: tuple[int, bool] | None, state: State, links: Sequence[str], abnormal: bool
) -> Proto:
    anchor_us, date_only = anchored(found)
    organization, place = organization_of(resource, "performer")
    detail = Detail(
        name=name_of(concept(part(resource, "code"))),
        place=place,
        status=text(resource, "status"),
        date_only=date_only,
        abnormal=abnormal,
        encounter=reference(part(resource, "encounter")),
        organization=organization,
        **marks_of(resource),
    )
    return Proto(keys_of(exam), anchor_us, state, encoded(exam), tuple(links), detail)


def _free_text(resource: Any) -> tuple[str, ...]:
    value = part(resource, "valueCodeableConcept")
    said = tuple(text(note, "text") for note in parts(resource, "note"))
    if value is not None:
        said = (*said, name_of(concept(value)))
    stated = text(resource, "valueString")
    return (*said, stated) if stated else said
