"""Attributes that may be matched (PS3.4 C.6, PS3.18 table 10.6.1-5), and how (PS3.4 C.2.2.2)."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Level = Literal["study", "series", "instance"]


class Matching(Enum):
    UID = "list of UIDs"
    TEXT = "single value or wildcard"
    CODE = "single value, list or wildcard"
    NAME = "person name"
    DATE = "date range"
    TIME = "time range"
    NUMBER = "number"
    MODALITIES = "any modality of the study"


@dataclass(frozen=True, slots=True)
class Key:
    level: Level
    column: str
    matching: Matching


KEYS: dict[int, Key] = {
    0x00080020: Key("study", "st.study_date", Matching.DATE),
    0x00080030: Key("study", "st.study_time", Matching.TIME),
    0x00080050: Key("study", "st.accession_number", Matching.TEXT),
    0x00080061: Key("study", "st.modalities", Matching.MODALITIES),
    0x00080090: Key("study", "st.referring_key", Matching.NAME),
    0x00081030: Key("study", "st.description", Matching.TEXT),
    0x00100010: Key("study", "st.name_key", Matching.NAME),
    0x00100020: Key("study", "st.patient_id", Matching.TEXT),
    0x00100021: Key("study", "st.issuer_of_patient_id", Matching.TEXT),
    0x00100030: Key("study", "st.birth_date", Matching.DATE),
    0x00100040: Key("study", "st.sex", Matching.CODE),
    0x0020000D: Key("study", "st.uid", Matching.UID),
    0x00200010: Key("study", "st.study_id", Matching.TEXT),
    0x00080060: Key("series", "se.modality", Matching.CODE),
    0x0008103E: Key("series", "se.description", Matching.TEXT),
    0x00180015: Key("series", "se.body_part", Matching.CODE),
    0x0020000E: Key("series", "se.uid", Matching.UID),
    0x00200011: Key("series", "se.number", Matching.NUMBER),
    0x00200060: Key("series", "se.laterality", Matching.CODE),
    0x00400244: Key("series", "se.performed_date", Matching.DATE),
    0x00080016: Key("instance", "i.sop_class", Matching.UID),
    0x00080018: Key("instance", "i.uid", Matching.UID),
    0x00200013: Key("instance", "i.number", Matching.NUMBER),
    0x00280008: Key("instance", "i.frames", Matching.NUMBER),
    0x00280010: Key("instance", "i.rows", Matching.NUMBER),
    0x00280011: Key("instance", "i.columns", Matching.NUMBER),
}

_SOP_CLASS, _SOP_CLASSES_IN_STUDY = 0x00080016, 0x00080062


def key_of(tag: int) -> Key | None:
    """SOP Classes in Study asks for a study with an instance of the class."""
    return KEYS.get(_SOP_CLASS if tag == _SOP_CLASSES_IN_STUDY else tag)
