"""OBX-5 by the type in OBX-2 to Observation.value[x] (HL7 v2.5.1 chapter 7.4.2; v2-to-FHIR map OBX[Observation]).

Numbers keep their digits (6.50 stays 6.50): they are written into the JSON as sent, never through a float.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from hub.contracts.codes import UCUM as UCUM_SYSTEM

from . import dtm
from .datatypes import Json, codeable_concept
from .message import Message
from .source import Source
from .units import UCUM

_encode = msgspec.json.encode

_NUMBER = re.compile(r"\s*(?:([<>]=?|[≤≥＜＞])\s*)?([+-]?)(\d{0,30})(?:\.(\d{0,30}))?\s*", re.ASCII)
PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,29})(?:\.\d{1,30})?", re.ASCII)
_LONGEST = 100
"""Characters in which a number or a range is looked for: backtracking stays short."""
_COMPARATORS = {"≤": "<=", "≥": ">=", "＜": "<", "＞": ">"}
_SN_COMPARATORS = {"": "", "=": "", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
_RANGE = re.compile(
    r"\s*([+-]?\d{1,20}(?:\.\d{1,20})?)\s*(?:-{1,2}|~|～|—|–|－|至|to)\s*([+-]?\d{1,20}(?:\.\d{1,20})?)\s*", re.ASCII
)
_LIMIT = re.compile(r"\s*([<>≤≥＜＞]=?)\s*(\d{1,20}(?:\.\d{1,20})?)\s*", re.ASCII)
_POWER = re.compile(r"[x×*]?10", re.ASCII)

TEXT_TYPES = frozenset(("ST", "TX", "FT", "", "ID"))
CODED_TYPES = frozenset(("CE", "CWE", "CNE", "CF", "IS"))
ATTACHED_TYPES = frozenset(("ED", "RP"))


def number(text: str) -> tuple[str, bytes] | None:
    """Comparator (or empty) and the digits as JSON; None where the text is no NM."""
    if PLAIN.fullmatch(text):
        return "", text.encode()
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    comparator, sign, whole, fraction = found.groups()
    if not whole and not fraction:
        return None
    digits = (whole or "").lstrip("0") or "0"
    value = ("-" if sign == "-" else "") + digits + (f".{fraction}" if fraction else "")
    return _COMPARATORS.get(comparator or "", comparator or ""), value.encode()


def unit_text(message: Message, raw: str) -> str:
    """OBX-6 as text. A power of ten whose circumflex was not escaped (10^9/L) is put together again."""
    if not raw:
        return ""
    parts = message.components(message.first_repetition(raw))
    if len(parts) > 1 and _POWER.fullmatch(parts[0]):
        return f"{parts[0]}^{parts[1]}"
    return parts[0] or (parts[1] if len(parts) > 1 else "")


def unit(message: Message, raw: str) -> Json:
    """The unit elements of a Quantity, with UCUM where the unit is known or stated to be UCUM."""
    text = unit_text(message, raw)
    if not text:
        return {}
    parts = message.components(message.first_repetition(raw))
    code = UCUM.get(text)
    if code is None and len(parts) > 2 and parts[2] == "UCUM" and " " not in text:
        code = text
    shown = parts[1] if len(parts) > 2 and parts[1] and code else text
    return {"unit": shown, "system": UCUM_SYSTEM, "code": code} if code else {"unit": shown}


def quantity_tail(units: Json) -> bytes:
    """What closes a Quantity after its value."""
    return b"," + _encode(units)[1:] if units else b"}"


def quantity(digits: bytes, comparator: str, units: Json) -> msgspec.Raw:
    compared = b',"comparator":"' + comparator.encode() + b'"' if comparator else b""
    return msgspec.Raw(b'{"value":' + digits + compared + quantity_tail(units))


def reference_range(text: str, units: Json) -> Json:
    """OBX-7: text as sent, and low and high where it is a plain range or limit."""
    found: Json = {}
    limits = _RANGE.fullmatch(text) if len(text) <= _LONGEST else None
    if limits:
        for element, at in (("low", 1), ("high", 2)):
            if read := number(limits[at]):
                found[element] = quantity(read[1], "", units)
    elif len(text) <= _LONGEST and (limit := _LIMIT.fullmatch(text)):
        read = number(limit[2])
        if read:
            found["high" if limit[1][0] in "<≤＜" else "low"] = quantity(read[1], "", units)
    found["text"] = text
    return found


def value(message: Message, source: Source, kind: str, repetition: str, units: Json) -> tuple[str, Any] | None:
    """Element name and value of one OBX-5 repetition; None where it is empty."""
    read = _READERS.get(kind, _string)
    return read(message, source, repetition, units)


Reader = Callable[[Message, Source, str, Json], tuple[str, Any] | None]


def _string(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    text = message.escapes.resolve(repetition)
    return ("valueString", text) if text.strip() else None


def _numeric(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    read = number(message.escapes.resolve(repetition))
    if read is None:
        return _string(message, source, repetition, units)
    return "valueQuantity", quantity(read[1], read[0], units)


def _structured(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    """SN: comparator, number, separator, number."""
    parts = message.components(repetition)
    parts += [""] * (4 - len(parts))
    first, second = number(parts[1]), number(parts[3])
    comparator = _COMPARATORS.get(parts[0], parts[0])
    if first is not None and not first[0]:
        digits = first[1]
        if not parts[2] and not parts[3] and comparator in _SN_COMPARATORS:
            return "valueQuantity", quantity(digits, _SN_COMPARATORS[comparator], units)
        if second is not None and comparator in ("", "=") and parts[2] == "-":
            return "valueRange", {"low": quantity(digits, "", units), "high": quantity(second[1], "", units)}
        if second is not None and comparator in ("", "=") and parts[2] in (":", "/"):
            return "valueRatio", {"numerator": quantity(digits, "", {}), "denominator": quantity(second[1], "", {})}
    text = "".join(parts[:4])
    return ("valueString", text) if text else None


def _coded(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    concept = codeable_concept(message, source, repetition, "answer")
    return ("valueCodeableConcept", concept) if concept else None


def _moment(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    text = message.component(repetition)
    found = dtm.moment(text)
    return ("valueDateTime", found) if found else _string(message, source, repetition, units)


def _time(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    found = dtm.time_of_day(message.component(repetition))
    return ("valueTime", found) if found else _string(message, source, repetition, units)


def _period(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    parts = message.components(repetition)
    found: Json = {}
    for element, text in zip(("start", "end"), parts, strict=False):
        dtm.put(found, element, dtm.moment(text))
    return ("valuePeriod", found) if found else _string(message, source, repetition, units)


def _range(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    found: Json = {}
    for element, text in zip(("low", "high"), message.components(repetition), strict=False):
        read = number(text)
        if read and not read[0]:
            found[element] = quantity(read[1], "", units)
    return ("valueRange", found) if found else _string(message, source, repetition, units)


def _composite_quantity(message: Message, source: Source, repetition: str, units: Json) -> tuple[str, Any] | None:
    parts = message.components(repetition)
    read = number(parts[0])
    if read is None:
        return _string(message, source, repetition, units)
    stated = {"unit": parts[1]} if len(parts) > 1 and parts[1] else units
    return "valueQuantity", quantity(read[1], read[0], stated)


_READERS: dict[str, Reader] = {
    "NM": _numeric,
    "SN": _structured,
    "CE": _coded,
    "CWE": _coded,
    "CNE": _coded,
    "CF": _coded,
    "IS": _coded,
    "DT": _moment,
    "TS": _moment,
    "DTM": _moment,
    "TM": _time,
    "DR": _period,
    "NR": _range,
    "CQ": _composite_quantity,
}
