"""What an archive says of a study, its series and its objects (DICOM JSON Model) as rows of the index. Pure."""

from collections.abc import Mapping
from typing import Any

from hub.contracts.archives import DistantArchive
from hub.contracts.caller import Role

from .. import uids
from ..character_set import CharacterSet
from ..data_set_bytes import person_name
from ..header import Header
from ..study_index.placing import Arrival
from ..transfer_syntaxes import TRANSFER_SYNTAXES
from .likely import sop_class_of

Attributes = Mapping[str, Any]

STUDY, SERIES, SOP_INSTANCE, SOP_CLASS = "0020000D", "0020000E", "00080018", "00080016"
SYNTAX, SOP_CLASSES_IN_STUDY = "00083002", "00080062"
_TEXTS = {
    "study_date": "00080020",
    "study_time": "00080030",
    "timezone": "00080201",
    "accession_number": "00080050",
    "referring_physician": "00080090",
    "study_description": "00081030",
    "patient_name": "00100010",
    "patient_id": "00100020",
    "issuer_of_patient_id": "00100021",
    "birth_date": "00100030",
    "sex": "00100040",
    "study_id": "00200010",
    "modality": "00080060",
    "series_description": "0008103E",
    "series_date": "00080021",
    "series_time": "00080031",
    "body_part": "00180015",
    "laterality": "00200060",
    "performed_date": "00400244",
    "performed_time": "00400245",
}
_NUMBERS = {
    "series_number": "00200011",
    "instance_number": "00200013",
    "frames": "00280008",
    "rows": "00280010",
    "columns": "00280011",
    "bits_allocated": "00280100",
}
STUDY_KEYS = (
    *(_TEXTS[name] for name in tuple(_TEXTS)[:12]), STUDY, "00201208", SOP_CLASSES_IN_STUDY,
)  # fmt: skip
SERIES_KEYS = (*(_TEXTS[name] for name in tuple(_TEXTS)[12:]), SERIES, "00200011")
INSTANCE_KEYS = (SOP_CLASS, SOP_INSTANCE, SYNTAX, "00200013", "00280008", "00280010", "00280011", "00280100")
"""What is asked for at each level."""


def text(attributes: Attributes, tag: str) -> str:
    """The first value; "" where there is none."""
    value = next(iter(attributes.get(tag, {}).get("Value") or ()), None)
    return person_name(value).strip() if isinstance(value, dict) else "" if value is None else str(value).strip()


def number(attributes: Attributes, tag: str) -> int | None:
    try:
        return int(float(text(attributes, tag)))
    except ValueError:
        return None


def header_of(study: Attributes, series: Attributes, instance: Attributes) -> Header | None:
    """None where one of the three UIDs is missing or none: such an object cannot be asked for."""
    merged = {**study, **series, **instance}
    if not all(uids.is_uid(text(merged, tag)) for tag in (SOP_INSTANCE, SERIES, STUDY)):
        return None
    sop_class = text(merged, SOP_CLASS)
    if not uids.is_uid(sop_class):
        in_study = [str(uid) for uid in merged.get(SOP_CLASSES_IN_STUDY, {}).get("Value") or ()]
        sop_class = sop_class_of(text(merged, _TEXTS["modality"]), in_study)
    header = Header(
        sop_class_uid=sop_class,
        sop_instance_uid=text(merged, SOP_INSTANCE),
        study_uid=text(merged, STUDY),
        series_uid=text(merged, SERIES),
        characters=CharacterSet(("as the archive says",), None),
    )
    for name, tag in _TEXTS.items():
        setattr(header, name, text(merged, tag))
    for name, tag in _NUMBERS.items():
        setattr(header, name, number(merged, tag))
    return header


def arrival_of(
    archive: DistantArchive, header: Header, instance: Attributes, now_us: int, *, announced: bool
) -> Arrival:
    """The row of an object that the archive holds."""
    syntax = text(instance, SYNTAX)
    return Arrival(
        header=header,
        owner=archive.organization,
        client=archive.name,
        role=Role.CLINIC.value,
        ae_title=archive.ae_title,
        transfer_syntax=syntax if syntax in TRANSFER_SYNTAXES else "",
        size_bytes=0,
        data_set_at=0,
        sha256=b"",
        spool=None,
        received_us=now_us,
        due_us=now_us,
        announced=announced,
        archive=archive.name,
    )
