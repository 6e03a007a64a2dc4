"""ORM^O01, OML^O21, OMG^O19, OMI^O23, OMP^O09, RDE^O11 (HL7 v2.5.1 chapter 4) to ServiceRequest, MedicationRequest.

An order is known by its placer number: a change, a hold or a cancellation of it updates the same resource. Where one
message orders several services under one number, each is known by number and service, and the number is their
``requisition``. The Patient and the Encounter are created only where no ADT told of them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.contracts.codes import SNOMED, V2_0203
from hub.contracts.submission import Entry

from . import dtm, pv1, tables
from .datatypes import Json, annotations, codeable_concept, ei, identifier
from .entries import FullUrls, create, update
from .medication_request import medication_request
from .message import Message, Segment
from .orders import number, priority, requester, section, service_key, starts
from .pid import condition_of, need_pid, patient, z_segments
from .refusal import MessageIncorrect, missing
from .source import Source, condition


@dataclass(slots=True)
class Order:
    """ORC with what it orders: OBR, RXO or RXE."""

    orc: Segment | None
    detail: Segment | None = None
    timing: Segment | None = None
    notes: list[Segment] = field(default_factory=list)
    diagnoses: list[Segment] = field(default_factory=list)
    route: Segment | None = None
    specimen: Segment | None = None


def translate(message: Message, source: Source, event: str) -> tuple[Entry, ...]:
    """Raises MessageIncorrect where the message names no patient or orders nothing."""
    urls = FullUrls()
    person = patient(message, source, need_pid(message), [])
    subject: Json = {"reference": urls.next()}
    entries = [create(person, subject["reference"], unless=condition_of(person["identifier"]))]
    encounter = _encounter(message, source, subject, urls, entries)
    found = list(orders(message))
    placers = Counter(placer["value"] for order in found if (placer := _placer(message, source, order)))
    extensions = z_segments(message)
    for order in found:
        resource, key = _resource(message, source, order, subject, encounter, placers)
        if extensions:
            resource["extension"], extensions = extensions, []
        entries.append(update(resource, key, urls.next()))
    if not found:
        raise MessageIncorrect(
            "The message orders nothing.", segment="ORC", code=100, remedy="Send ORC with OBR, RXO or RXE."
        )
    return tuple(entries)


def orders(message: Message) -> Iterator[Order]:
    """The orders of the message in order. An OBR without an ORC is a new order."""
    order: Order | None = None
    for segment in message.segments:
        name = segment.name
        if name == "ORC":
            if order is not None:
                yield order
            order = Order(segment)
        elif name in ("OBR", "RXO", "RXE"):
            if order is None or (order.detail is not None and not (name == "RXE" and order.detail.name == "RXO")):
                if order is not None:
                    yield order
                order = Order(order.orc if order is not None else None)
            order.detail = segment
        elif order is not None:
            if name == "NTE":
                order.notes.append(segment)
            elif name == "DG1":
                order.diagnoses.append(segment)
            elif name == "TQ1" and order.timing is None:
                order.timing = segment
            elif name == "RXR" and order.route is None:
                order.route = segment
            elif name == "SPM" and order.specimen is None:
                order.specimen = segment
    if order is not None:
        yield order


def order_status(orc: Segment | None) -> str:
    """ORC-1 where it cancels, else ORC-5, else ORC-1. Raises MessageIncorrect for a control code that is none or that
    orders nothing."""
    if orc is None:
        return "active"
    control = orc.text(1).upper()
    if not control:
        raise missing("ORC", 1, orc.sequence)
    if control in tables.UNABLE or control not in tables.ORDER_CONTROL:
        raise MessageIncorrect(
            "ORC-1 is no order control code that places, changes or ends an order.",
            segment="ORC",
            field=1,
            sequence=orc.sequence,
            code=103,
            remedy="Send a code of HL7 table 0119, such as NW, XO, CA or HD.",
        )
    if control in tables.CANCELLING:
        return "revoked"
    return tables.ORDER_STATUS.get(orc.text(5).upper()) or tables.ORDER_CONTROL[control]


def _placer(message: Message, source: Source, order: Order) -> Json | None:
    obr = order.detail if order.detail is not None and order.detail.name == "OBR" else None
    return number(message, source, order.orc, obr, 2, "PLAC")


def _resource(
    message: Message, source: Source, order: Order, subject: Json, encounter: Json | None, placers: Counter[str]
) -> tuple[Json, str]:
    """The resource and the condition under which it is updated."""
    placer = _placer(message, source, order)
    detail = order.detail
    obr = detail if detail is not None and detail.name == "OBR" else None
    filler = number(message, source, order.orc, obr, 3, "FILL")
    if placer is None and filler is None:
        raise missing("ORC", 2, order.orc.sequence if order.orc else 1, remedy="Send the placer order number.")
    status = order_status(order.orc)
    if detail is not None and obr is None:
        found = medication_request(message, source, order.orc, detail, order.timing, order.route, status, subject)
        service = message.component(message.first_repetition(detail.raw(1 if detail.name == "RXO" else 2)))
    else:
        found = _service_request(message, source, order, obr, status, subject)
        service = service_key(message, obr) if obr is not None else ""
    first = placer or filler or {}
    if placer is not None and placers[placer["value"]] > 1:
        first = identifier(f"{placer['system']}/item", f"{placer['value']}/{service}", "PLAC")
        found["requisition" if obr is not None else "groupIdentifier"] = placer
    found["identifier"] = [first] + ([filler] if filler is not None and filler is not first else [])
    if accession := _accession(source, obr):
        found["identifier"].append(accession)
    if encounter:
        found["encounter"] = encounter
    if notes := annotations(order.notes):
        found["note"] = [*found.get("note", ()), *notes]
    return found, condition(first["system"], first["value"])


def _service_request(
    message: Message, source: Source, order: Order, obr: Segment | None, status: str, subject: Json
) -> Json:
    orc = order.orc
    found: Json = {"resourceType": "ServiceRequest", "identifier": [], "status": status, "intent": "order"}
    if obr is not None:
        if known := tables.ORDER_CATEGORY.get(section(obr) or ""):
            found["category"] = [{"coding": [{"system": SNOMED, "code": known[0], "display": known[1]}]}]
        if obr.text(11) == "G":
            found["intent"] = "reflex-order"
        code = (
            codeable_concept(message, source, message.first_repetition(obr.raw(4)), "service") if obr.raw(4) else None
        )
        if code is None and status in ("active", "on-hold"):
            raise missing("OBR", 4, obr.sequence)
        if code:
            found["code"] = code
    elif status in ("active", "on-hold"):
        raise MessageIncorrect(
            "The order names no service.",
            segment="OBR",
            code=100,
            remedy="Send OBR, RXO or RXE after ORC.",
        )
    if urgency := priority(orc, obr, order.timing):
        found["priority"] = urgency
    found["subject"] = subject
    dtm.put(found, "occurrenceDateTime", starts(orc, obr, order.timing))
    dtm.put(found, "authoredOn", _authored(message, orc))
    if who := requester(message, source, orc, obr):
        found["requester"] = who
    if orc is not None and orc.raw(4) and (group := ei(message, source, message.first_repetition(orc.raw(4)), "PGN")):
        found["requisition"] = group
    if reasons := _reasons(message, source, obr, order.diagnoses):
        found["reasonCode"] = reasons
    if obr is not None:
        if told := "\n".join(text for one in obr.repetitions(13) if (text := _told(message, one))):
            found["note"] = [{"text": told}]
        site = message.subcomponents(message.first_repetition(obr.raw(15)), 4) if obr.raw(15) else []
        if (len(site) > 1 and site[1]) or (site and site[0]):
            found["bodySite"] = [{"text": site[1] if len(site) > 1 and site[1] else site[0]}]
        if specimen := _specimen(message, source, order, obr):
            found["contained"] = [specimen]
            found["specimen"] = [{"reference": "#specimen"}]
    return found


def _told(message: Message, repetition: str) -> str:
    parts = message.components(repetition)
    return (parts[1] if len(parts) > 1 and parts[1] else parts[0]).strip()


def _specimen(message: Message, source: Source, order: Order, obr: Segment) -> Json | None:
    raw = order.specimen.raw(4) if order.specimen is not None else obr.raw(15)
    kind = codeable_concept(message, source, message.first_repetition(raw), "specimen") if raw else None
    return {"resourceType": "Specimen", "id": "specimen", "type": kind} if kind else None


def _authored(message: Message, orc: Segment | None) -> dtm.Moment | None:
    if orc is not None:
        for at in (37, 9, 15):
            if found := dtm.read(orc.text(at), "ORC", at, orc.sequence):
                return found
    return dtm.read(message.header.text(7), "MSH", 7)


def _reasons(message: Message, source: Source, obr: Segment | None, diagnoses: list[Segment]) -> list[Json]:
    stated = obr.repetitions(31) if obr is not None else []
    found = [reason for one in stated if (reason := codeable_concept(message, source, one, "reason"))]
    for diagnosis in diagnoses:
        raw = message.first_repetition(diagnosis.raw(3))
        reason = codeable_concept(message, source, raw, "diagnosis") if raw else None
        if reason is None and diagnosis.text(4):
            reason = {"text": diagnosis.text(4)}
        if reason:
            found.append(reason)
    return found


def _accession(source: Source, obr: Segment | None) -> Json | None:
    """OBR-18 of an imaging order, as IHE Radiology Scheduled Workflow has it."""
    if obr is None or section(obr) != "imaging" or not obr.text(18):
        return None
    return {
        "type": {"coding": [{"system": V2_0203, "code": "ACSN"}]},
        "system": source.system("ACSN"),
        "value": obr.text(18),
    }


def _encounter(message: Message, source: Source, subject: Json, urls: FullUrls, entries: list[Entry]) -> Json | None:
    visit = message.first("PV1")
    stated = pv1.visit_identifier(message, source, visit) if visit is not None else None
    if visit is None or stated is None:
        return None
    url = urls.next()
    found = pv1.encounter(message, source, visit, stated, subject, "")
    entries.append(create(found, url, unless=condition(stated["system"], stated["value"])))
    return {"reference": url}
