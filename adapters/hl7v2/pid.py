"""PID, PD1 and NK1 to Patient (HL7 v2.5.1 chapter 3.4.2-3.4.5; v2-to-FHIR maps PID[Patient], NK1[Patient])."""

from typing import Any

from hub.contracts.codes import EXTENSION, V2_0203

from . import dtm, tables
from .datatypes import Json, address, codeable_concept, contact_point, cx, human_name, identifier, resident, telecoms
from .message import Message, Segment
from .refusal import MessageIncorrect, missing
from .resident_id import RESIDENT_ID, is_valid
from .source import Source, condition

BIRTH_TIME = "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
MOTHERS_MAIDEN_NAME = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
MOTHER_IDENTIFIER = f"{EXTENSION}/mother-identifier"
IDENTITY_UNKNOWN = f"{EXTENSION}/identity-unknown"
Z_SEGMENT = f"{EXTENSION}/z-segment"

_KINDS_FIRST = ("PI", "MR", "PT", "VN")


def patient(message: Message, source: Source, pid: Segment, kin: list[Segment]) -> Json:
    """The Patient as the source states it, names and unknowns included (无名氏, 之女). Raises MessageIncorrect where
    it has no number or a date is none."""
    found: Json = {"resourceType": "Patient"}
    if extensions := _extensions(message, source, pid):
        found["extension"] = extensions
    found["identifier"] = identifiers(message, source, pid)
    found["active"] = True
    names = [name for field in (5, 9) for one in pid.repetitions(field) if (name := human_name(message, one))]
    if names:
        found["name"] = names
    if (
        telecom := telecoms(message, pid, 13, "home")
        + telecoms(message, pid, 14, "work")
        + telecoms(message, pid, 40, None)
    ):
        found["telecom"] = telecom
    if sex := pid.text(8):
        found["gender"] = tables.ADMINISTRATIVE_SEX.get(sex.upper(), "unknown")
    _birth_and_death(found, pid)
    addresses = [one for repetition in pid.repetitions(11) if (one := address(message, repetition))]
    if addresses:
        found["address"] = addresses
    if status := _marital_status(message, source, pid):
        found["maritalStatus"] = status
    order = pid.text(25)
    if order.isascii() and order.isdigit():
        found["multipleBirthInteger"] = int(order[:4])
    elif pid.text(24) in ("Y", "N"):
        found["multipleBirthBoolean"] = pid.text(24) == "Y"
    if contacts := [contact for segment in kin if (contact := _contact(message, source, segment))]:
        found["contact"] = contacts
    found["managingOrganization"] = source.organization
    return found


def primary(identifiers: list[Json]) -> Json:
    """The number under which the source itself knows the patient; the resident ID only where it sent no other."""
    own = [one for one in identifiers if one["system"] != RESIDENT_ID]
    for kind in _KINDS_FIRST:
        for one in own:
            if one["type"]["coding"][0]["code"] == kind:
                return one
    return (own or identifiers)[0]


def condition_of(identifiers: list[Json]) -> str:
    one = primary(identifiers)
    return condition(one["system"], one["value"])


def z_segments(message: Message) -> list[Json]:
    """Local segments, verbatim, as extensions of the message's main resource."""
    return [{"url": Z_SEGMENT, "valueString": one.line} for one in message.segments if one.name[0] == "Z" and one.line]


_PID_FIELDS = ((3, "PI"), (2, "PT"), (4, "PT"))


def identifiers(
    message: Message, source: Source, segment: Segment, fields: tuple[tuple[int, str], ...] = _PID_FIELDS
) -> list[Json]:
    """The numbers in ``fields`` (each with the type of a number that states none) of a PID or MRG, a PID's resident ID
    and PID-19 included. Raises MessageIncorrect where there is none."""
    found: list[Json] = []
    for field, kind in fields:
        for repetition in segment.repetitions(field):
            _add(found, cx(message, source, repetition, kind))
    number = segment.text(19) if segment.name == "PID" else ""
    if number:
        plain = number.replace(" ", "")
        chinese = is_valid(plain) or (len(plain) in (15, 18) and plain[:-1].isdigit())
        _add(found, resident(number, "NNCHN") if chinese else identifier(source.system("SS"), number, "SS"))
    if not found:
        name, field = segment.name, fields[0][0]
        raise missing(
            name,
            field,
            segment.sequence,
            remedy=f"Send the patient's number at your institution in {name}-{field}, typed PI.",
        )
    own = source.system("PI")
    if all(one["system"] != own for one in found):
        # A clinic that knows its patients by record numbers alone writes those into images and ECGs too, where a number
        # has no type and counts as PI. Where both are sent they may be two number spaces, and stay apart.
        for one in found:
            if one["system"] == source.system("MR"):
                one["system"] = own
    return found


def _add(found: list[Json], one: Json | None) -> None:
    if one is not None and all((one["system"], one["value"]) != (other["system"], other["value"]) for other in found):
        found.append(one)


def _extensions(message: Message, source: Source, pid: Segment) -> list[Json]:
    found: list[Json] = []
    maiden = human_name(message, message.first_repetition(pid.raw(6))) if pid.raw(6) else None
    if maiden:
        found.append({"url": MOTHERS_MAIDEN_NAME, "valueString": maiden["text"]})
    mothers = [mother for one in pid.repetitions(21) if (mother := cx(message, source, one))]
    found += [{"url": MOTHER_IDENTIFIER, "valueIdentifier": mother} for mother in mothers]
    if pid.text(31) == "Y":
        found.append({"url": IDENTITY_UNKNOWN, "valueBoolean": True})
    return found


def _birth_and_death(found: Json, pid: Segment) -> None:
    born = dtm.read(pid.text(7), "PID", 7)
    if born:
        found["birthDate"] = born.date
        if born.has_time:
            time: Json = {"url": BIRTH_TIME}
            dtm.put(time, "valueDateTime", born)
            found["_birthDate"] = {"extension": [time]}
    died = dtm.read(pid.text(29), "PID", 29)
    if died:
        dtm.put(found, "deceasedDateTime", died)
    elif pid.text(30) in ("Y", "N"):
        found["deceasedBoolean"] = pid.text(30) == "Y"


def _marital_status(message: Message, source: Source, pid: Segment) -> Json | None:
    raw = message.first_repetition(pid.raw(16))
    if not raw:
        return None
    code = tables.MARITAL_STATUS.get(message.component(raw))
    if code is None:
        return codeable_concept(message, source, raw, "marital-status")
    found: Json = {"coding": [{"system": f"{tables.V3}MaritalStatus", "code": code}]}
    if text := message.component(raw, 2):
        found["text"] = text
    return found


def _contact(message: Message, source: Source, kin: Segment) -> Json | None:
    found: dict[str, Any] = {}
    relationships = [_relationship(message, source, one) for one in kin.repetitions(3)]
    roles = [codeable_concept(message, source, one, "contact-role") for one in kin.repetitions(7)]
    for role in roles:
        for coding in (role or {}).get("coding", ()):
            if coding["system"] == source.system("contact-role"):
                coding["system"] = f"{V2_0203[:-4]}0131"
    if known := [one for one in relationships + roles if one]:
        found["relationship"] = known
    name = human_name(message, message.first_repetition(kin.raw(2))) if kin.raw(2) else None
    if name:
        found["name"] = name
    phones = [
        point
        for field, use in ((5, None), (6, "work"), (40, None))
        for one in kin.repetitions(field)
        if (point := contact_point(message, one, use))
    ]
    if phones:
        found["telecom"] = phones
    if kin.raw(4) and (home := address(message, message.first_repetition(kin.raw(4)))):
        found["address"] = home
    if sex := kin.text(15):
        found["gender"] = tables.ADMINISTRATIVE_SEX.get(sex.upper(), "unknown")
    # pat-1: a contact has at least a name, phone, address or organization.
    return found if any(one in found for one in ("name", "telecom", "address")) else None


def _relationship(message: Message, source: Source, repetition: str) -> Json | None:
    code = tables.RELATIONSHIP.get(message.component(repetition))
    if code is None:
        return codeable_concept(message, source, repetition, "relationship")
    found: Json = {"coding": [{"system": f"{tables.V3}RoleCode", "code": code}]}
    if text := message.component(repetition, 2):
        found["text"] = text
    return found


def need_pid(message: Message) -> Segment:
    """Raises MessageIncorrect (code 100) where there is none."""
    pid = message.first("PID")
    if pid is None:
        raise MessageIncorrect(
            "The message names no patient.", segment="PID", code=100, remedy="Send a PID segment with PID-3."
        )
    return pid
