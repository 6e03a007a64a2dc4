"""PV1 to Encounter (HL7 v2.5.1 chapter 3.4.3; v2-to-FHIR map PV1[Encounter])."""

import re

from hub.contracts.codes import V2_0203

from . import dtm, tables
from .datatypes import Json, codeable_concept, cx, practitioner
from .message import Message, Segment
from .source import Source, condition

_DIGITS = re.compile("[0-9]")
ACT_CODE = f"{tables.V3}ActCode"
_PARTICIPANTS = ((7, "ATND", "attender"), (8, "REF", "referrer"), (9, "CON", "consultant"), (17, "ADM", "admitter"))


def visit_identifier(message: Message, source: Source, pv1: Segment) -> Json | None:
    """PV1-19 (or PV1-50). Some senders write it one field early; no patient type (PV1-18) holds so many digits."""
    for field in (19, 50, 18):
        raw = pv1.raw(field)
        if raw and (field != 18 or len(_DIGITS.findall(raw)) >= 4):
            found = cx(message, source, message.first_repetition(raw), "VN")
            if found:
                return found
    return None


def made_identifier(source: Source, patient_number: str, began: str) -> Json:
    """The number of a visit that has none of its own: whose, and when it began."""
    return {
        "type": {"coding": [{"system": V2_0203, "code": "VN"}]},
        "system": source.system("visit"),
        "value": f"{patient_number}/{began}",
    }


def encounter(message: Message, source: Source, pv1: Segment, number: Json, subject: Json, event: str) -> Json:
    """Raises MessageIncorrect where a date is none. ``status`` follows the trigger event, else PV1-45."""
    admitted = dtm.read(pv1.text(44), "PV1", 44)
    discharged = dtm.read(pv1.text(45), "PV1", 45)
    status = tables.ENCOUNTER_STATUS.get(event) or ("planned" if pv1.text(2) == "P" else "in-progress")
    if discharged and status == "in-progress":
        status = "finished"
    found: Json = {
        "resourceType": "Encounter",
        "identifier": [number],
        "status": status,
        "class": encounter_class(source, pv1),
        "subject": subject,
    }
    if pv1.raw(4) and (
        kind := codeable_concept(message, source, message.first_repetition(pv1.raw(4)), "admission-type")
    ):
        found["type"] = [kind]
    if pv1.raw(10) and (service := codeable_concept(message, source, message.first_repetition(pv1.raw(10)), "service")):
        found["serviceType"] = service
    participants = []
    for field, code, display in _PARTICIPANTS:
        for repetition in pv1.repetitions(field):
            if who := practitioner(message, source, repetition):
                kind = {"coding": [{"system": f"{tables.V3}ParticipationType", "code": code, "display": display}]}
                participants.append({"type": [kind], "individual": who})
    if participants:
        found["participant"] = participants
    period: Json = {}
    dtm.put(period, "start", admitted)
    dtm.put(period, "end", discharged)
    if period:
        found["period"] = period
    if place := location(message, source, pv1):
        found["location"] = [{"location": place}]
    found["serviceProvider"] = source.organization
    return found


def encounter_class(source: Source, pv1: Segment) -> Json:
    code = pv1.text(2)
    known = tables.ENCOUNTER_CLASS.get(code.upper())
    if known:
        return {"system": ACT_CODE, "code": known[0], "display": known[1]}
    if not code:
        return {"system": f"{tables.V3}NullFlavor", "code": "UNK"}
    if len(code) == 1 and code.isascii():
        return {"system": f"{tables.V2}0004", "code": code}
    return {"system": source.system("patient-class"), "code": " ".join(code.split())}


def location(message: Message, source: Source, pv1: Segment) -> Json | None:
    """PL as a logical reference: point of care, room, bed, building, floor as sent."""
    raw = message.first_repetition(pv1.raw(3))
    if not raw:
        return None
    parts = message.components(raw)
    parts += [""] * (9 - len(parts))
    text = " ".join(part for part in (parts[0], parts[6], parts[7], parts[1], parts[2]) if part) or parts[8]
    if not text:
        return None
    return {"type": "Location", "identifier": {"system": source.system("location"), "value": text}, "display": text}


def condition_of(number: Json) -> str:
    return condition(number["system"], number["value"])
