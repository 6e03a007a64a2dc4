"""RXO and RXE with RXR to MedicationRequest (HL7 v2.5.1 chapters 4.14.1, 4.14.2, 4.14.4; v2-to-FHIR RXO, RXR)."""

from . import dtm, tables
from .datatypes import Json, codeable_concept
from .message import Message, Segment
from .obx_value import number, quantity, unit
from .orders import priority, requester
from .refusal import missing
from .source import Source

_FIELDS = {"RXO": (1, 2, 4, 7, 11, 12), "RXE": (2, 3, 5, 7, 10, 11)}
"""Give code, least amount, its unit, instructions, dispense amount, its unit."""


def medication_request(
    message: Message,
    source: Source,
    orc: Segment | None,
    detail: Segment,
    timing: Segment | None,
    route: Segment | None,
    status: str,
    subject: Json,
) -> Json:
    """Without identifiers. Raises MessageIncorrect where no drug is named."""
    code_field, amount_field, unit_field, text_field, dispense_field, dispense_unit = _FIELDS[detail.name]
    raw = message.first_repetition(detail.raw(code_field))
    drug = codeable_concept(message, source, raw, "drug") if raw else None
    if drug is None:
        raise missing(detail.name, code_field, detail.sequence)
    found: Json = {
        "resourceType": "MedicationRequest",
        "identifier": [],
        "status": tables.MEDICATION_STATUS.get(status, status),
        "intent": "order",
        "medicationCodeableConcept": drug,
        "subject": subject,
    }
    if urgency := priority(orc, None, timing):
        found["priority"] = urgency
    if orc is not None:
        dtm.put(found, "authoredOn", dtm.read(orc.text(9), "ORC", 9, orc.sequence))
    if who := requester(message, source, orc, None):
        found["requester"] = who
    dosage: Json = {}
    lines = [
        text
        for one in detail.repetitions(text_field)
        if (text := " ".join(part for part in message.components(one)[:2] if part))
    ]
    if lines:
        dosage["text"] = "\n".join(lines)
    if route is not None and route.raw(1):
        way = codeable_concept(message, source, message.first_repetition(route.raw(1)), "route")
        if way:
            dosage["route"] = way
    amount = number(detail.text(amount_field))
    if amount and not amount[0]:
        dosage["doseAndRate"] = [{"doseQuantity": quantity(amount[1], "", unit(message, detail.raw(unit_field)))}]
    if dosage:
        found["dosageInstruction"] = [dosage]
    supply = number(detail.text(dispense_field))
    if supply and not supply[0]:
        found["dispenseRequest"] = {"quantity": quantity(supply[1], "", unit(message, detail.raw(dispense_unit)))}
    return found
