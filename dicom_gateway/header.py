"""The attributes of the four levels that the index keeps and matches on (PS3.4 C.6.1.1, PS3.18 table 10.6.1-5)."""

import re
from dataclasses import dataclass

from hub.contracts.errors import Incorrect

from . import uids
from .character_set import CharacterSet, choose
from .scan import Scan

_TEXT = {
    0x00080050: "accession_number",
    0x00080060: "modality",
    0x00080090: "referring_physician",
    0x00081030: "study_description",
    0x0008103E: "series_description",
    0x00100010: "patient_name",
    0x00100020: "patient_id",
    0x00100021: "issuer_of_patient_id",
    0x00180015: "body_part",
    0x00200010: "study_id",
    0x00200060: "laterality",
}
_CODES = {
    0x00080020: "study_date",
    0x00080021: "series_date",
    0x00080030: "study_time",
    0x00080031: "series_time",
    0x00080201: "timezone",
    0x00100030: "birth_date",
    0x00100040: "sex",
    0x00400244: "performed_date",
    0x00400245: "performed_time",
}
_NUMBERS = {
    0x00200011: "series_number",
    0x00200013: "instance_number",
    0x00280008: "frames",
}
_SHORTS = {0x00280002: "samples", 0x00280010: "rows", 0x00280011: "columns", 0x00280100: "bits_allocated"}

CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
WANTED = frozenset({CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, STUDY, SERIES, *_TEXT, *_CODES, *_NUMBERS, *_SHORTS})
_INTEGER = re.compile(rb"[+-]?\d{1,12}\Z")


@dataclass(slots=True)
class Header:
    """Decoded values of one instance; "" and None where the data set has none. Text is Unicode whatever its label."""

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    characters: CharacterSet
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    timezone: str = ""
    study_description: str = ""
    study_id: str = ""
    accession_number: str = ""
    referring_physician: str = ""
    modality: str = ""
    series_number: int | None = None
    series_description: str = ""
    series_date: str = ""
    series_time: str = ""
    body_part: str = ""
    laterality: str = ""
    performed_date: str = ""
    performed_time: str = ""
    instance_number: int | None = None
    samples: int | None = None
    rows: int | None = None
    columns: int | None = None
    bits_allocated: int | None = None
    frames: int | None = None


def read_header(found: Scan, *, big_endian: bool, default: str | None = None) -> Header:
    """``default`` is the codec that the device is known to write in. Raises Incorrect where one of the UIDs that name
    an instance is missing or no UID."""
    values = found.values
    characters = choose(values.get(CHARACTER_SET), (values[tag] for tag in _TEXT if tag in values), default)
    header = Header(
        sop_class_uid=_uid(values, SOP_CLASS),
        sop_instance_uid=_uid(values, SOP_INSTANCE),
        study_uid=_uid(values, STUDY),
        series_uid=_uid(values, SERIES),
        characters=characters,
    )
    for tag, name in _TEXT.items():
        if raw := values.get(tag):
            setattr(header, name, characters.decode(raw, person_name=tag in (0x00100010, 0x00080090)).strip())
    for tag, name in _CODES.items():
        if raw := values.get(tag):
            setattr(header, name, raw.rstrip(b"\0 ").strip().decode("ascii", "replace"))
    for tag, name in _NUMBERS.items():
        if (raw := values.get(tag)) and _INTEGER.match(number := raw.strip(b"\0 ")):
            setattr(header, name, int(number))
    for tag, name in _SHORTS.items():
        if (raw := values.get(tag)) and len(raw) == 2:
            setattr(header, name, int.from_bytes(raw, "big" if big_endian else "little"))
    return header


def _uid(values: dict[int, bytes], tag: int) -> str:
    where = f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
    raw = values.get(tag, b"")
    if not raw.rstrip(b"\0 "):
        raise Incorrect(
            "The data set lacks a UID that names it.",
            where=where,
            remedy="Send SOP Class, SOP Instance, Study Instance and Series Instance UID.",
            issue_code="required",
        )
    return uids.parse(raw, where)
