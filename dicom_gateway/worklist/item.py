"""One order as a worklist item (PS3.4 table K.6-1), in the DICOM JSON Model. Pure."""

import uuid
from datetime import date, datetime
from typing import Any

from hub.contracts import codes
from hub.contracts.site import ZONE
from hub.contracts.worklist import ScheduledOrder

from ..study_index.level_json import of_values

Attributes = dict[str, Any]

STEPS, MODALITY = "00400100", "00080060"
_SEX = {"male": "M", "female": "F", "other": "O"}
_PRIORITY = {"stat": "STAT", "asap": "HIGH", "urgent": "HIGH", "routine": "ROUTINE"}
_SCHEMES = {codes.LOINC: "LN", codes.SNOMED: "SCT", codes.DICOM_DCM: "DCM"}
_LONGEST_CODE, _LONGEST_LO, _LONGEST_SH = 16, 64, 16


def study_instance_uid(order_id: str) -> str:
    """The Study Instance UID that the images of an order are to bear: always the same (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'ServiceRequest/{order_id}').int}"


def worklist_item(order: ScheduledOrder, modality: str, ae_title: str, station_name: str) -> Attributes:
    """``ae_title`` and ``station_name`` are those of the device that asks."""
    day, time = start_of(order.start)
    name = order.name[:_LONGEST_LO]
    protocol = _code(order)
    step = {
        MODALITY: of_values("CS", [modality]),
        "00321070": _text("LO", order.contrast),
        "00400001": of_values("AE", [ae_title]),
        "00400002": of_values("DA", [day]),
        "00400003": of_values("TM", [time]),
        "00400006": {"vr": "PN"},
        "00400007": _text("LO", name),
        "00400008": protocol,
        "00400009": _text("SH", order.accession_number[:_LONGEST_SH]),
        "00400010": _text("SH", station_name),
        "00400011": {"vr": "SH"},
        "00400012": {"vr": "LO"},
        "00400020": of_values("CS", ["SCHEDULED"]),
        "00180015": _text("CS", ""),
    }
    return _patient(order) | {
        "00080050": _text("SH", order.accession_number),
        "00080051": {"vr": "SQ"},
        "00080080": {"vr": "LO"},
        "00080090": _person(order.requester),
        "00081110": {"vr": "SQ"},
        "00081120": {"vr": "SQ"},
        "0020000D": of_values("UI", [study_instance_uid(order.id)]),
        "00321031": {"vr": "SH"},
        "00321032": _person(order.requester),
        "00321033": {"vr": "LO"},
        "00321060": _text("LO", name),
        "00321064": protocol,
        "00380010": {"vr": "LO"},
        "00380300": {"vr": "LO"},
        STEPS: {"vr": "SQ", "Value": [step]},
        "00401001": _text("SH", order.accession_number[:_LONGEST_SH]),
        "00401002": _text("LO", order.reason[:_LONGEST_LO]),
        "00401003": of_values("SH", [_PRIORITY.get(order.priority, "ROUTINE")]),
        "00401004": {"vr": "LO"},
        "00402016": _text("LO", order.placer_number[:_LONGEST_LO]),
        "00403001": {"vr": "LO"},
    }


def start_of(start: str) -> tuple[str, str]:
    """DA and TM of a FHIR date or dateTime at the site; midnight where the order names a day alone."""
    try:
        if len(start) == len("2026-01-01"):
            return date.fromisoformat(start).strftime("%Y%m%d"), "000000"
        moment = datetime.fromisoformat(start)
    except ValueError:
        return f"{start.replace('-', ''):0<8}"[:8], "000000"
    local = moment.astimezone(ZONE) if moment.tzinfo else moment
    return local.strftime("%Y%m%d"), local.strftime("%H%M%S")


def asked_of(asked: Attributes, item: Attributes) -> Attributes:
    """Of ``item`` what the request asks for; a sequence without an item of keys asks for all of it."""
    answer: Attributes = {}
    for name, key in asked.items():
        found = item.get(name, {"vr": key["vr"]})
        inner = next(iter(key.get("Value", ())), None) if key["vr"] == "SQ" else None
        if inner and found.get("Value"):
            found = {"vr": "SQ", "Value": [asked_of(inner, one) for one in found["Value"]]}
        answer[name] = found
    return answer


def _patient(order: ScheduledOrder) -> Attributes:
    patient = order.patient
    if patient is None:
        return {"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}, "00100030": {"vr": "DA"}, "00100040": {"vr": "CS"}}
    return {
        "00100010": _person(patient.name),
        "00100020": _text("LO", patient.number[:_LONGEST_LO]),
        "00100021": _text("LO", patient.issuer[:_LONGEST_LO]),
        "00100030": _text("DA", patient.birth_date.replace("-", "") if len(patient.birth_date) == 10 else ""),
        "00100040": _text("CS", _SEX.get(patient.gender, "")),
        "00101030": {"vr": "DS"},
        "00102000": {"vr": "LO"},
        "00102110": {"vr": "LO"},
        "001021C0": {"vr": "US"},
        "00104000": {"vr": "LT"},
    }


def _code(order: ScheduledOrder) -> Attributes:
    system, code, display = order.code
    meaning = (display or order.name)[:_LONGEST_LO]
    if not code or len(code) > _LONGEST_CODE or not meaning:
        return {"vr": "SQ"}
    item = {
        "00080100": _text("SH", code),
        "00080102": _text("SH", _SCHEMES.get(system, "99LOCAL")),
        "00080104": _text("LO", meaning),
    }
    return {"vr": "SQ", "Value": [item]}


def _text(representation: str, value: str) -> Attributes:
    return of_values(representation, [value] if value else [])


def _person(name: str) -> Attributes:
    return {"vr": "PN", "Value": [{"Alphabetic": name}]} if name else {"vr": "PN"}
