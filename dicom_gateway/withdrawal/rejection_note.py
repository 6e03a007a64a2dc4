"""Rejection notes (IHE RAD TF-3 4.66, Rejection Note Stored): Key Object Selection Documents (PS3.3 A.35.4) whose title
says that the instances they list are to be used no more. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..dicom_json import Attributes
from .titles import TITLES

KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_TITLE, _EVIDENCE, _SERIES, _INSTANCES, _UID = "0040A043", "0040A375", "00081115", "00081199", "00081155"


@dataclass(frozen=True, slots=True)
class RejectionNote:
    title: str
    instances: tuple[str, ...]

    @property
    def reason(self) -> str:
        return f"{self.title} {TITLES[self.title]}"


def rejection_note(attributes: Attributes) -> RejectionNote | None:
    """None where the document is another kind of selection."""
    title = next(_items(attributes, _TITLE), {})
    code = _value(title, "00080100")
    if code not in TITLES or _value(title, "00080102") != "DCM":
        return None
    uids = (
        _value(instance, _UID)
        for study in _items(attributes, _EVIDENCE)
        for series in _items(study, _SERIES)
        for instance in _items(series, _INSTANCES)
    )
    return RejectionNote(code, tuple(dict.fromkeys(uid for uid in uids if uid)))


def _items(attributes: Attributes, tag: str) -> Iterator[Attributes]:
    for item in attributes.get(tag, {}).get("Value") or ():
        if isinstance(item, dict):
            yield item


def _value(attributes: Attributes, tag: str) -> str:
    values: list[Any] = attributes.get(tag, {}).get("Value") or [""]
    return str(values[0] or "").strip()
