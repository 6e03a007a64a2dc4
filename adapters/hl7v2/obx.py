"""OBX to Observation (HL7 v2.5.1 chapter 7.4.2; v2-to-FHIR map OBX[Observation]).

An Observation is written as JSON fragments, not by way of a dictionary: what a laboratory repeats in every message
(codes, units, ranges, flags, times) is translated once and kept, so that 25 results cost what one would.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from hub.contracts.codes import EXTENSION, OBSERVATION_CATEGORY

from . import dtm, tables
from .datatypes import Json, annotations, codeable_concept, practitioner
from .message import Message, Segment
from .obx_value import ATTACHED_TYPES, PLAIN, TEXT_TYPES, quantity_tail, reference_range, unit, unit_text, value
from .source import Source

UNIT_AS_SENT = f"{EXTENSION}/unit"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

_encode = msgspec.json.encode
_PLAIN_NUMBER = PLAIN.fullmatch
_LONGEST_KEPT = 300
_MOST_KEPT = 5_000
_MOST_SENDERS = 500
_NOT_ASKED = b',"dataAbsentReason":{"coding":[{"system":"' + DATA_ABSENT.encode() + b'","code":"not-asked"}]}'


class Code(NamedTuple):
    """``key`` names it in the identifier of the Observation."""

    json: bytes
    key: str


class Unit(NamedTuple):
    """``tail`` closes a Quantity that begins with its value."""

    elements: Json
    tail: bytes


_NO_UNIT = Unit({}, b"}")


class Repeated:
    """One sender's texts that come again and again, translated. Bounded: when a table is full it begins anew."""

    __slots__ = ("codes", "flags", "ranges", "units")

    def __init__(self) -> None:
        self.codes: dict[str, Code | None] = {}
        self.units: dict[str, Unit] = {}
        self.flags: dict[str, bytes] = {}
        self.ranges: dict[tuple[str, str], bytes] = {}


_senders: dict[tuple[str, str], Repeated] = {}


def _repeated(source: Source, message: Message) -> Repeated:
    """Told apart by facility and delimiters, so that one sender's codes never answer for another's."""
    key = (source.facility, message.delimiters)
    found = _senders.get(key)
    if found is None:
        if len(_senders) >= _MOST_SENDERS:
            _senders.clear()
        found = _senders.setdefault(key, Repeated())
    return found


def _keep(table: dict[Any, Any], key: Any, length: int, made: Any) -> Any:
    if length <= _LONGEST_KEPT:
        if len(table) >= _MOST_KEPT:
            table.clear()
        table[key] = made
    return made


@dataclass(slots=True)
class ObservationContext:
    """What the observations of one report share. ``code`` stands in for an empty OBX-3, ``status`` for OBX-11."""

    message: Message
    source: Source
    subject: Json
    key: str
    code: Json
    status: str
    effective: dtm.Moment | None
    category: str | None = None
    encounter: Json | None = None
    specimen: Json | None = None
    seen: dict[str, int] = field(default_factory=dict)
    times: dict[str, bytes] = field(default_factory=dict)
    system: str = ""
    head: bytes = b""
    shared: bytes = b""
    repeated: Repeated = field(init=False)

    def __post_init__(self) -> None:
        self.repeated = _repeated(self.source, self.message)
        self.system = self.source.system("observation")
        self.head = b'{"resourceType":"Observation","identifier":[{"system":' + _encode(self.system) + b',"value":'
        elements: Json = {"subject": self.subject}
        if self.category:
            elements["category"] = [{"coding": [{"system": OBSERVATION_CATEGORY, "code": self.category}]}]
        if self.encounter:
            elements["encounter"] = self.encounter
        if self.specimen:
            elements["specimen"] = self.specimen
        self.shared = b"," + _encode(elements)[1:-1]


def observation(shared: ObservationContext, obx: Segment, notes: list[Segment]) -> tuple[bytes, str]:
    """The Observation and the value of its identifier, which the same OBX of a corrected report gives again.

    Raises MessageIncorrect where a date is none."""
    message, source, fields, repeated = shared.message, shared.source, obx.fields, shared.repeated
    raw, raw_unit, raw_range, raw_flags = fields[3], fields[6], fields[7], fields[8]
    try:
        code = repeated.codes[raw]
    except KeyError:
        code = _keep(repeated.codes, raw, len(raw), _code(message, source, raw))
    if code is None:
        code = Code(_encode(shared.code), "")
    units = _NO_UNIT
    if raw_unit:
        units = repeated.units.get(raw_unit) or _keep(repeated.units, raw_unit, len(raw_unit), _unit(message, raw_unit))
    identifier = _identifier(shared, code.key, fields[4])
    status = tables.OBSERVATION_STATUS.get(fields[11]) or _other_status(shared, obx)
    parts = [
        shared.head,
        _encode(identifier),
        b'}],"status":"',
        status.encode(),
        b'","code":',
        code.json,
        shared.shared,
        _effective(shared, obx, fields[14]),
        _value(shared, obx, fields, code, units),
    ]
    if raw_flags:
        flags = repeated.flags.get(raw_flags)
        if flags is None:
            flags = _keep(repeated.flags, raw_flags, len(raw_flags), _interpretation(message, source, obx))
        parts.append(flags)
    if raw_range:
        key = (raw_range, raw_unit)
        limits = repeated.ranges.get(key)
        if limits is None:
            limits = _keep(repeated.ranges, key, len(raw_range) + len(raw_unit), _reference_range(obx, units))
        parts.append(limits)
    if fields[11] == "N":
        parts.append(_NOT_ASKED)
    if notes or fields[16] or fields[17] or fields[20]:
        parts.append(_rest(shared, obx, notes))
    parts.append(b"}")
    return b"".join(parts), identifier


def text_of(obx: Segment) -> str:
    """OBX-5 as lines of text."""
    return "\n".join(text for one in obx.repetitions(5) if (text := obx.resolve(one)).strip())


def is_text(obx: Segment) -> bool:
    return obx.fields[2].strip() in TEXT_TYPES


def _code(message: Message, source: Source, raw: str) -> Code | None:
    repetition = message.first_repetition(raw)
    concept = codeable_concept(message, source, repetition, "observation-code")
    if concept is None:
        return None
    parts = message.components(repetition)
    sub = "&".join(one for one in message.subcomponents(repetition, 1)[1:] if one)
    key = next((part for part in (parts[0], *parts[3:4], *parts[1:2], *parts[4:5]) if part), concept.get("text", ""))
    return Code(_encode(concept), f"{key}:{sub}" if sub else key)


def _unit(message: Message, raw: str) -> Unit:
    elements = unit(message, raw)
    return Unit(elements, quantity_tail(elements))


def _identifier(shared: ObservationContext, code_key: str, sub_id: str) -> str:
    """Report, code and sub-id; the same three again in one report are told apart by their order."""
    identifier = f"{shared.key}/{code_key}"
    if sub_id:
        identifier += f"/{shared.message.escapes.resolve(sub_id)}"
    again = shared.seen.get(identifier, 0) + 1
    shared.seen[identifier] = again
    return identifier if again == 1 else f"{identifier}~{again}"


def _other_status(shared: ObservationContext, obx: Segment) -> str:
    return tables.OBSERVATION_STATUS.get(obx.text(11).upper()) or shared.status


def _effective(shared: ObservationContext, obx: Segment, text: str) -> bytes:
    known = shared.times.get(text)
    if known is None:
        taken = (dtm.read(obx.text(14), "OBX", 14, obx.sequence) if text else None) or shared.effective
        known = shared.times[text] = taken.fragment("effectiveDateTime") if taken else b""
    return known


def _value(shared: ObservationContext, obx: Segment, fields: list[str], code: Code, units: Unit) -> bytes:
    kind, raw = fields[2], fields[5]
    if kind == "NM" and _PLAIN_NUMBER(raw):
        return b',"valueQuantity":{"value":' + raw.encode() + units.tail
    kind = kind.strip()
    if kind in ATTACHED_TYPES or not raw:
        return b""
    message = shared.message
    if kind in TEXT_TYPES:
        text = text_of(obx)
        if not text:
            return b""
        sent = b""
        if fields[6]:
            sent = _element("extension", [{"url": UNIT_AS_SENT, "valueString": unit_text(message, fields[6])}])
        return b',"valueString":' + _encode(text) + sent
    values = [
        one
        for repetition in obx.repetitions(5)
        if (one := value(message, shared.source, kind, repetition, units.elements))
    ]
    if len(values) == 1:
        return _named(*values[0])
    if values:
        return b',"component":[' + b",".join(b'{"code":' + code.json + _named(*one) + b"}" for one in values) + b"]"
    return b""


def _named(name: str, one: Any) -> bytes:
    return one.fragment(name) if isinstance(one, dtm.Moment) else _element(name, one)


def _element(name: str, one: Any) -> bytes:
    return b',"' + name.encode() + b'":' + _encode(one)


def _rest(shared: ObservationContext, obx: Segment, notes: list[Segment]) -> bytes:
    fields, message, source = obx.fields, shared.message, shared.source
    found = b""
    performers = [who for one in obx.repetitions(16) if (who := practitioner(message, source, one))]
    if performers:
        found += _element("performer", performers)
    if fields[17] and (method := codeable_concept(message, source, message.first_repetition(fields[17]), "method")):
        found += _element("method", method)
    if fields[20] and (site := codeable_concept(message, source, message.first_repetition(fields[20]), "body-site")):
        found += _element("bodySite", site)
    if notes and (comments := annotations(notes)):
        found += _element("note", comments)
    return found


def _reference_range(obx: Segment, units: Unit) -> bytes:
    text = obx.whole(7).strip()
    return _element("referenceRange", [reference_range(text, units.elements)]) if text else b""


def _interpretation(message: Message, source: Source, obx: Segment) -> bytes:
    concepts = []
    for repetition in obx.repetitions(8):
        sent = message.component(repetition)
        code = tables.INTERPRETATION.get(sent.upper())
        if code:
            system = f"{tables.V3}ObservationInterpretation"
            concepts.append({"coding": [{"system": system, "code": code}], **({} if sent == code else {"text": sent})})
        elif concept := codeable_concept(message, source, repetition, "abnormal-flag"):
            concepts.append(concept)
    return _element("interpretation", concepts) if concepts else b""
