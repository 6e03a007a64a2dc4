"""From a stored ServiceRequest to what a modality is told of it, and why it is not told. Pure."""

from collections.abc import Sequence

import msgspec

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from hub.contracts.store import Stored
from hub.contracts.worklist import OrderedPatient, ScheduledOrder

from .facts import ACCESSION, PLACER, Coding, Examination, Identifier, Order, read_order
from .reaction import IMAGING, UNKNOWN, kind_of

_STEPS = {
    "in-progress": "检查已开始 the examination has begun (MPPS IN PROGRESS)",
    "completed": "检查已完成 the examination was done (MPPS COMPLETED)",
}
_PATIENT_NUMBERS = ("PI", "MR")


class HumanName(msgspec.Struct, frozen=True):
    use: str = ""
    text: str = ""
    family: str = ""
    given: tuple[str, ...] = ()


class Patient(msgspec.Struct, frozen=True):
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    birthDate: str = ""
    gender: str = ""


_read_patient = msgspec.json.Decoder(Patient, strict=False).decode


def scheduled_order(
    stored: Stored,
    patient: Stored | None,
    examination: Examination,
    accession: str,
    step: str,
    organization: str,
) -> ScheduledOrder:
    """``organization`` is the one that asks."""
    order = read_order(stored.body)
    coding = next((one for one in order.code.coding if one.code), Coding())
    return ScheduledOrder(
        id=stored.id,
        why_not=why_not(order, examination.kind, step),
        accession_number=order.number(ACCESSION) or accession,
        modality=examination.modality,
        name=order.code.name,
        code=(coding.system, coding.code, coding.display),
        start=order.start or order.authoredOn or stored.last_updated,
        priority=order.priority or "routine",
        owner=stored.owner,
        performers=tuple(order.performing_organizations),
        patient=ordered_patient(patient, organization) if patient is not None else None,
        placer_number=order.number(PLACER),
        requester=order.requester.display,
        reason=next((one.name for one in order.reasonCode if one.name), ""),
        body_site=next((one.name for one in order.bodySite if one.name), ""),
        contrast=examination.contrast,
    )


def why_not(order: Order, exam_kind: str, step: str) -> str:
    """The first reason why an order is not on the worklist; "" where it is."""
    if order.status != "active":
        return f"医嘱状态为 {order.status} the order's status is {order.status}"
    if not order.is_active:
        return "不是要执行的医嘱 not an order to be performed (intent or doNotPerform)"
    if step in _STEPS:
        return _STEPS[step]
    kind = kind_of(order, exam_kind)
    if kind == UNKNOWN:
        return (
            "无法识别为影像检查 not recognised as imaging: give category 363679005, a code of a known system, "
            "or map the local name"
        )
    return "" if kind == IMAGING else f"不是影像检查 not imaging ({exam_kind})"


def ordered_patient(stored: Stored, organization: str) -> OrderedPatient:
    patient = _read_patient(stored.body)
    number, issuer = _number(patient.identifier, stored.owner, organization)
    return OrderedPatient(stored.id, _name(patient.name), number, issuer, patient.birthDate, patient.gender)


def _number(identifiers: Sequence[Identifier], owner: str, organization: str) -> tuple[str, str]:
    local = [
        one.value
        for one in identifiers
        if one.value and (one.system == f"{LOCAL_ID}/{owner}/PI" or any(one.is_of(kind) for kind in _PATIENT_NUMBERS))
    ]
    resident = next((one.value for one in identifiers if one.value and one.system == RESIDENT_ID), "")
    others = [one.value for one in identifiers if one.value and one.system != RESIDENT_ID]
    if owner == organization and local:
        return local[0], ""
    if resident:
        return resident, ""
    numbers = local or others
    return (numbers[0], "" if owner == organization else owner) if numbers else ("", "")


def _name(names: Sequence[HumanName]) -> str:
    """As a PN value: family and given name where they are told apart."""
    if not names:
        return ""
    name = next((one for one in names if one.use == "official"), names[0])
    if name.family or name.given:
        return "^".join((name.family, " ".join(name.given))).rstrip("^")
    return name.text
