"""Metadata as an archive gives it (PS3.18 10.4.1.1.2), in the form of our own: bulk data is asked of us. Pure."""

from collections.abc import Mapping
from typing import Any

from ..dicom_json import BULK_MARK, encode
from ..study_index.instance_row import InstanceRow
from .attributes import SERIES, SOP_INSTANCE, STUDY, text

Attributes = Mapping[str, Any]


def metadata_of(row: InstanceRow, told: Attributes) -> bytes | None:
    """DICOM JSON of the object; None where it is of another one."""
    if (text(told, SOP_INSTANCE), text(told, SERIES), text(told, STUDY)) != (row.uid, row.series_uid, row.study_uid):
        return None
    attributes = _relocated(told, "")
    attributes["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    if row.transfer_syntax:
        attributes["00083002"] = {"vr": "UI", "Value": [row.transfer_syntax]}
    return encode(dict(sorted(attributes.items())))


def _relocated(told: Attributes, path: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for tag, attribute in told.items():
        here = f"{path}/{tag}"
        if "BulkDataURI" in attribute:
            made[tag] = {"vr": attribute.get("vr", "UN"), "BulkDataURI": f"{BULK_MARK}/bulkdata{here}"}
        elif attribute.get("vr") == "SQ" and attribute.get("Value"):
            items = [_relocated(item or {}, f"{here}/{number}") for number, item in enumerate(attribute["Value"])]
            made[tag] = {"vr": "SQ", "Value": items}
        else:
            made[tag] = attribute
    return made
