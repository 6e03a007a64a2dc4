"""What QIDO-RS returns of each level (PS3.18 tables 10.6.3-3 to 10.6.3-5), as far as it stays the same for good.

Counts, modalities and URLs are added when a request is answered.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..header import Header
from .instance_row import InstanceRow

_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def study_json(header: Header) -> bytes:
    attributes: dict[str, Any] = {}
    _put(attributes, "00080005", "CS", "ISO_IR 192")
    _put(attributes, "00080020", "DA", header.study_date)
    _put(attributes, "00080030", "TM", header.study_time)
    _put(attributes, "00080050", "SH", header.accession_number)
    _put(attributes, "00080056", "CS", "ONLINE")
    _put_name(attributes, "00080090", header.referring_physician)
    if header.timezone:
        _put(attributes, "00080201", "SH", header.timezone)
    if header.study_description:
        _put(attributes, "00081030", "LO", header.study_description)
    _put_name(attributes, "00100010", header.patient_name)
    _put(attributes, "00100020", "LO", header.patient_id)
    if header.issuer_of_patient_id:
        _put(attributes, "00100021", "LO", header.issuer_of_patient_id)
    _put(attributes, "00100030", "DA", header.birth_date)
    _put(attributes, "00100040", "CS", header.sex)
    _put(attributes, "0020000D", "UI", header.study_uid)
    _put(attributes, "00200010", "SH", header.study_id)
    return msgspec.json.encode(attributes)


def series_json(header: Header) -> bytes:
    attributes: dict[str, Any] = {}
    _put(attributes, "00080060", "CS", header.modality)
    if header.series_date:
        _put(attributes, "00080021", "DA", header.series_date)
    if header.series_time:
        _put(attributes, "00080031", "TM", header.series_time)
    _put(attributes, "0008103E", "LO", header.series_description)
    if header.body_part:
        _put(attributes, "00180015", "CS", header.body_part)
    _put(attributes, "0020000E", "UI", header.series_uid)
    _put(attributes, "00200011", "IS", header.series_number)
    if header.laterality:
        _put(attributes, "00200060", "CS", header.laterality)
    if header.performed_date:
        _put(attributes, "00400244", "DA", header.performed_date)
    if header.performed_time:
        _put(attributes, "00400245", "TM", header.performed_time)
    return msgspec.json.encode(attributes)


def instance_attributes(row: InstanceRow) -> dict[str, Any]:
    """Of an instance, from its index row."""
    attributes = {
        "00080016": of_values("UI", [row.sop_class]),
        "00080018": of_values("UI", [row.uid]),
        "00083002": of_values("UI", [row.transfer_syntax or None]),
        "00200013": of_values("IS", [row.number]),
    }
    for tag, representation, value in (
        ("00280008", "IS", row.frames),
        ("00280010", "US", row.rows),
        ("00280011", "US", row.columns),
        ("00280100", "US", row.bits_allocated),
    ):
        if value is not None:
            attributes[tag] = of_values(representation, [value])
    return attributes


def of_values(representation: str, values: Sequence[Any]) -> dict[str, Any]:
    """An attribute with those of the values that are there."""
    values = [value for value in values if value is not None]
    return {"vr": representation, "Value": values} if values else {"vr": representation}


def _put(attributes: dict[str, Any], tag: str, representation: str, value: str | int | None) -> None:
    """An attribute without a value is there, empty: PS3.18 10.6.3.3 wants every attribute of the table back."""
    if value is None or value == "":
        attributes[tag] = {"vr": representation}
    else:
        attributes[tag] = {"vr": representation, "Value": [value]}


def person_attribute(name: str) -> dict[str, Any]:
    """A PN value, component groups between equals signs, as an attribute."""
    first = name.split("\\")[0]
    groups = {group: part for group, part in zip(_NAME_GROUPS, first.split("="), strict=False) if part}
    return {"vr": "PN", "Value": [groups]} if groups else {"vr": "PN"}


def _put_name(attributes: dict[str, Any], tag: str, name: str) -> None:
    attributes[tag] = person_attribute(name)
