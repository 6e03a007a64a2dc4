"""An ImagingStudy, as far as pages need it to lead to its images."""

from collections.abc import Callable, Mapping
from typing import Any

from hub.contracts.archives import endpoint_id
from hub.contracts.codes import DICOM_UID, INSTANCE_AVAILABILITY

WITHOUT_PICTURES = frozenset({"HD", "KO", "PR", "SR"})
"""Modalities (PS3.3 C.7.3.1.1.1) of series that the viewers have nothing to draw of; an ECG they draw."""


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


def whereabouts(study: Mapping[str, Any]) -> tuple[str, str]:
    """(name of the archive of its hospital where its images live, its Instance Availability); empty where they are
    here."""
    for one in study.get("extension") or ():
        if one.get("url") == INSTANCE_AVAILABILITY:
            names = (str(each.get("display", "")) for each in study.get("endpoint") or ())
            return next((name for name in names if name), ""), str(one.get("valueCode", ""))
    return "", ""


def where_told(study: Mapping[str, Any], status_of: Callable[[str], str]) -> str:
    """The same for a reader; ``status_of`` gives the status of an Endpoint (id)."""
    name, availability = whereabouts(study)
    if not availability:
        return ""
    if availability == "UNAVAILABLE":
        return "影像已在原医院删除 · the images were deleted at their hospital"
    if status_of(endpoint_id(name)) == "active":
        return f"影像存放于医院影像库 {name}，打开时调取 · kept at {name}, fetched when opened"
    return f"影像存放于医院影像库 {name}，目前无法连接 · kept at {name}, which cannot be reached now"
