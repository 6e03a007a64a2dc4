"""Pieces of FHIR R4 JSON that several resources of an ECG share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from hub.contracts.codes import EXTENSION, LOINC
from hub.contracts.site import ZONE_TEXT

from .recording import Recording

ASSUMED_TIME_ZONE = f"{EXTENSION}/assumed-time-zone"
EMERGENCY = f"{EXTENSION}/emergency"
"""On the ImagingStudy of a tracing sent with ``emergency=true`` (valueBoolean): its reading Task is ``stat``."""
MEASUREMENT_SOURCE = f"{EXTENSION}/measurement-source"
"""On an Observation (valueCode): ``device``, ``computed`` or ``reader``."""

_HOLTER_SECONDS = 3600

Resource = dict[str, Any]


def encoded(resource: Resource) -> bytes:
    """JSON bytes; absent elements (None, empty text, empty list) are left out."""
    return msgspec.json.encode({key: value for key, value in resource.items() if value not in (None, "", [], {})})


def decimal(value: Decimal) -> msgspec.Raw:
    """A JSON number with the digits the file has."""
    return msgspec.Raw(format(value, "f").encode())


def moment(recording: Recording, element: str) -> Resource:
    """``element`` with the start of the recording, and the extension that says where its zone was assumed."""
    start = recording.start
    if start is None:
        return {}
    if not isinstance(start, datetime):
        return {element: start.isoformat()}
    precision = "milliseconds" if start.microsecond else "seconds"
    stated: Resource = {element: start.isoformat(timespec=precision)}
    if recording.zone_assumed:
        stated[f"_{element}"] = {"extension": [{"url": ASSUMED_TIME_ZONE, "valueString": ZONE_TEXT}]}
    return stated


def examination_code(recording: Recording) -> Resource:
    """What was done: a resting ECG, or from an hour on an ambulatory one."""
    if recording.duration_seconds >= _HOLTER_SECONDS:
        return concept(LOINC, "18754-2", "Holter monitor study", "动态心电图")
    return concept(LOINC, "11524-6", "EKG study", "心电图")


def concept(system: str, code: str, display: str, text: str = "") -> Resource:
    coding = {"system": system, "code": code, "display": display}
    return {"coding": [coding], "text": text} if text else {"coding": [coding]}


def device_reference(recording: Recording) -> Resource | None:
    """The cart by name; it is no resource of its own."""
    device = recording.device
    display = " ".join(part for part in (device.manufacturer, device.model) if part)
    if not display:
        return None
    reference: Resource = {"type": "Device", "display": display}
    if device.serial_number:
        reference["identifier"] = {"value": device.serial_number}
    return reference
