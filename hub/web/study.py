"""An ImagingStudy, as far as pages need it to lead to its images."""

from collections.abc import Mapping
from typing import Any

from hub.contracts.codes import DICOM_UID

WITHOUT_PICTURES = frozenset({"ECG", "HD", "KO", "PR", "SR"})
"""Modalities (PS3.3 C.7.3.1.1.1) of series that a viewer of images has nothing to draw of."""


def uid_of(study: Mapping[str, Any]) -> str:
    """StudyInstanceUID; empty where it has none."""
    for one in study.get("identifier") or ():
        if one.get("system") == DICOM_UID:
            return str(one.get("value", "")).removeprefix("urn:oid:")
    return ""


def has_pictures(study: Mapping[str, Any]) -> bool:
    """Whether it may have images: by its series, else by its modalities, else it may."""
    told = [one.get("modality") or {} for one in study.get("series") or ()] or study.get("modality") or ()
    return bool(uid_of(study)) and (not told or any(one.get("code") not in WITHOUT_PICTURES for one in told))
