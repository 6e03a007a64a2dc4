"""HL7 v2 data types to FHIR R4 data types, after HL7's v2-to-FHIR data type maps (XPN, XAD, XTN, XCN, CX, EI, CWE)."""

import re
from typing import Any

from hub.contracts.codes import V2_0203

from . import dtm, resident_id, tables
from .message import Message, Segment
from .source import Source, system_of_oid

Json = dict[str, Any]

_HAN = re.compile("[㐀-鿿豈-﫿\U00020000-\U0003ffff]")
_TABLE = re.compile(r"HL7(\d{4})", re.ASCII)
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+", re.ASCII)
_BLANKS = re.compile(r"\s+")


def human_name(message: Message, repetition: str) -> Json | None:
    """XPN. Chinese names are written without a blank between family and given name."""
    parts = message.components(repetition)
    parts += [""] * (7 - len(parts))
    family, given = parts[0], [part for part in parts[1:3] if part]
    if not family and not given:
        return None
    name: Json = {}
    if use := tables.NAME_USE.get(parts[6]):
        name["use"] = use
    name["text"] = name_text(family, given)
    if family:
        name["family"] = family
    if given:
        name["given"] = given
    if parts[4]:
        name["prefix"] = [parts[4]]
    if suffix := [part for part in (parts[3], parts[5]) if part]:
        name["suffix"] = suffix
    return name


def name_text(family: str, given: list[str]) -> str:
    if _HAN.search(family) or (given and _HAN.search(given[0])):
        return family + "".join(given)
    return " ".join([*given, family]).strip()


def address(message: Message, repetition: str) -> Json | None:
    """XAD."""
    parts = message.components(repetition)
    parts += [""] * (9 - len(parts))
    found: Json = {}
    if use := tables.ADDRESS_USE.get(parts[6]):
        found["use"] = use
    if kind := tables.ADDRESS_TYPE.get(parts[6]):
        found["type"] = kind
    street = [one for one in message.subcomponents(repetition, 1) if one]
    lines = [*street, *(part for part in (parts[1],) if part)]
    if not lines and not any(parts[2:6]) and not parts[8]:
        return None
    chinese = _HAN.search("".join(lines + parts[2:4]))
    whole = (
        [parts[5], parts[3], parts[2], parts[8], *lines]
        if chinese
        else [*lines, parts[2], parts[3], parts[4], parts[5]]
    )
    found["text"] = ("" if chinese else ", ").join(part for part in whole if part)
    if lines:
        found["line"] = lines
    for element, at in (("city", 2), ("district", 8), ("state", 3), ("postalCode", 4), ("country", 5)):
        if parts[at]:
            found[element] = parts[at]
    return found


def contact_point(message: Message, repetition: str, use: str | None = None) -> Json | None:
    """XTN. ``use`` where the field itself says it (home in PID-13, work in PID-14)."""
    parts = message.components(repetition)
    parts += [""] * (12 - len(parts))
    equipment = parts[2]
    value = parts[0] or parts[11]
    if equipment in ("Internet", "X.400") or (not value and not parts[6] and parts[3]):
        value, system = parts[3] or value, "email"
    else:
        system = tables.TELECOM_SYSTEM.get(equipment, "phone")
        if not value and parts[6]:
            value = " ".join(part for part in (f"+{parts[4]}" if parts[4] else "", parts[5], parts[6]) if part)
    if not value:
        return None
    found: Json = {"system": system, "value": value}
    stated = "mobile" if equipment == "CP" else tables.TELECOM_USE.get(parts[1], use)
    if stated:
        found["use"] = stated
    return found


def telecoms(message: Message, segment: Segment, field: int, use: str | None) -> list[Json]:
    return [found for one in segment.repetitions(field) if (found := contact_point(message, one, use))]


def authority(message: Message, source: Source, repetition: str, component: int, kind: str) -> str:
    """Identifier system of an assigning authority (HD): its OID or URI where it states one, else a system of its own
    under the name it states, else the sender's. Numbers of different kinds never share a system."""
    parts = message.subcomponents(repetition, component)
    name = parts[0] if parts else ""
    if len(parts) >= 2 and parts[1]:
        universal, how = parts[1], (parts[2] if len(parts) > 2 else "").upper()
        if how in ("ISO", "") and _OID.fullmatch(universal):
            return system_of_oid(universal)
        if how == "URI" and not _BLANKS.search(universal):
            return universal
    return source.system(kind, name)


def cx(message: Message, source: Source, repetition: str, default_type: str = "PI") -> Json | None:
    """CX. A resident ID is recognised by its type, or untyped by its own check character."""
    parts = message.components(repetition)
    value = parts[0]
    if not value:
        return None
    kind = parts[4].upper() if len(parts) > 4 else ""
    if kind in resident_id.TYPES or (not kind and resident_id.is_valid(value)):
        return resident(value, kind or "NNCHN")
    kind = one_code(kind) or default_type
    found = identifier(authority(message, source, repetition, 4, kind), value, kind)
    if len(parts) > 3 and parts[3]:
        # As it was written: what goes back to the clinic carries it again.
        found["assigner"] = {"display": parts[3]}
    if len(parts) > 6:
        start = dtm.moment(parts[6])
        end = dtm.moment(parts[7]) if len(parts) > 7 else None
        period = {name: at.value for name, at in (("start", start), ("end", end)) if at}
        if period:
            found["period"] = period
    return found


def resident(value: str, kind: str) -> Json:
    return identifier(resident_id.RESIDENT_ID, resident_id.as_sent(value), kind)


def identifier(system: str, value: str, kind: str) -> Json:
    return {"type": {"coding": [{"system": V2_0203, "code": kind}]}, "system": system, "value": value}


def ei(message: Message, source: Source, repetition: str, kind: str) -> Json | None:
    """EI: an order number. Its namespace is part of the system: two applications of a clinic may count alike."""
    parts = message.components(repetition)
    if not parts[0]:
        return None
    name = parts[1] if len(parts) > 1 else ""
    has_oid = len(parts) > 2 and _OID.fullmatch(parts[2])
    return identifier(system_of_oid(parts[2]) if has_oid else source.system(kind, name), parts[0], kind)


def codeable_concept(message: Message, source: Source, repetition: str, kind: str) -> Json | None:
    """CE and CWE. ``kind`` names the sender's own code space, used where no coding system of table 0396 is stated."""
    parts = message.components(repetition)
    parts += [""] * (9 - len(parts))
    codings = []
    for code, display, system in ((parts[0], parts[1], parts[2]), (parts[3], parts[4], parts[5])):
        if code:
            coding = {"system": coding_system(source, system, kind), "code": one_code(code)}
            if display:
                coding["display"] = display
            codings.append(coding)
    text = parts[8] or parts[1] or parts[4]
    if codings:
        return {"coding": codings, "text": text} if text else {"coding": codings}
    return {"text": text} if text else None


def coding_system(source: Source, name: str, kind: str) -> str:
    known = tables.CODING_SYSTEMS.get(name)
    if known:
        return known
    if not name or name == "L":
        return source.system(kind)
    table = _TABLE.fullmatch(name)
    if table:
        return f"{tables.V2}{table[1]}"
    return source.system(name)


def one_code(text: str) -> str:
    """FHIR ``code`` holds no double or outer blanks."""
    return " ".join(text.split())


def practitioner(message: Message, source: Source, repetition: str) -> Json | None:
    """XCN as a logical reference: the number and the name as sent, no Practitioner is made."""
    parts = message.components(repetition)
    parts += [""] * (3 - len(parts))
    found: Json = {}
    if parts[0]:
        found["type"] = "Practitioner"
        found["identifier"] = {"system": authority(message, source, repetition, 9, "staff"), "value": parts[0]}
    name = name_text(parts[1], [part for part in (parts[2],) if part])
    if name:
        found["display"] = name
    return found or None


def organization(message: Message, source: Source, repetition: str) -> Json | None:
    """XON as a logical reference."""
    parts = message.components(repetition)
    parts += [""] * (10 - len(parts))
    number = parts[9] or parts[2]
    found: Json = {}
    if number:
        found = {"type": "Organization", "identifier": {"system": source.system("organization"), "value": number}}
    if parts[0]:
        found["display"] = parts[0]
    return found or None


def annotations(segments: list[Segment], field: int = 3) -> list[Json]:
    """NTE: comments, each with all its lines."""
    found = []
    for segment in segments:
        text = "\n".join(resolved for one in segment.repetitions(field) if (resolved := segment.resolve(one)).strip())
        if text:
            found.append({"text": text})
    return found
