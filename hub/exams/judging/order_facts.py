"""From a ServiceRequest (draft or stored) to the order that is judged. What lies outside the resource (its plan) is
handed in."""

from collections.abc import Callable, Sequence
from typing import Any

from ..examination import Kind
from ..naming.local_codes import NO_LOCAL_CODES, LocalCodes
from ..naming.specimens import specified
from ..naming.understanding import Said
from ..rows.exam_rows import request_understood
from ..rows.fhir_reading import concept, concepts, name_of, part, parts, reference, references, text
from ..rows.laboratory_rows import collected
from ..rows.proto import timing_days
from .prior import Order

_CHILD_INTENTS = frozenset({"instance-order"})


def _nothing(_: str) -> Any:
    return None


def _reasons(resource: Any, referenced: Callable[[str], Any]) -> tuple[Said, ...]:
    contained = {f"#{text(each, 'id')}": each for each in parts(resource, "contained")}
    said = list(concepts(resource, "reasonCode"))
    for each in parts(resource, "reasonReference"):
        if display := text(each, "display"):
            said.append(Said((), display))
        ref = reference(each)
        code = concept(part(contained.get(ref) or (referenced(ref) if ref.startswith("Condition/") else None), "code"))
        if code is not None:
            said.append(code)
    return tuple(said)


def _planned_days(based_on: Sequence[str], referenced: Callable[[str], Any]) -> float | None:
    """How far apart the orders are that this one is one of, by the standing order that it is based on."""
    standing = (referenced(ref) for ref in based_on if ref.startswith("ServiceRequest/"))
    found = (timing_days(part(each, "occurrenceTiming")) for each in standing)
    return next((days for days in found if days is not None), None)


def order_from(
    resource: Any,
    ref: str = "",
    *,
    local: LocalCodes = NO_LOCAL_CODES,
    referenced: Callable[[str], Any] = _nothing,
) -> Order:
    """The order that a ServiceRequest states, in the words of the clinic with the code map ``local``. ``ref`` is how
    the caller calls it, ``ServiceRequest/ID`` by default; ``referenced`` looks up a Condition that it gives as its
    reason and the standing order that it is based on, None where there is none."""
    understood = request_understood(resource, local)
    exam = understood.examination
    if exam is not None and exam.kind is Kind.LABORATORY:
        stored = (referenced(ref) for ref in references(resource, "specimen") if ref.startswith("Specimen/"))
        kind = next((found for each in stored if each and (found := collected(each).kind)), "")
        exam = specified(exam, kind)
    name = name_of(concept(part(resource, "code")))
    based_on = references(resource, "basedOn")
    return Order(
        ref=ref or f"ServiceRequest/{text(resource, 'id')}",
        name=name,
        examination=exam,
        contradictions=understood.contradictions,
        sources=understood.sources,
        reasons=_reasons(resource, referenced),
        stat=text(resource, "priority") == "stat",
        based_on=based_on,
        replaces=references(resource, "replaces"),
        standing_child=text(resource, "intent") in _CHILD_INTENTS and bool(based_on),
        encounter=reference(part(resource, "encounter")),
        planned_days=_planned_days(based_on, referenced),
    )
