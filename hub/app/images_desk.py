"""``hub.web.images.ImagesDesk``: the gateway's correction desk and the history of studies, for the page."""

from collections.abc import Mapping
from typing import Any

from dicom_gateway.corrections.desk import CorrectionDesk
from dicom_gateway.corrections.history import StudyHistory
from dicom_gateway.study_index.corrections import Subject
from hub.contracts.caller import Caller, Role

from .parts import Parts


class PartsImagesDesk:
    def __init__(self, parts: Parts) -> None:
        self._desk = CorrectionDesk(parts.archive.index, parts.hub_client)
        self._past = StudyHistory(parts.archive.index, parts.policy)

    def history(self, caller: Caller, study_uid: str) -> dict[str, Any]:
        return self._past.of(caller, study_uid)

    def correct(
        self, caller: Caller, study_uid: str, patient: str | None, attributes: Mapping[str, str], reason: str
    ) -> str:
        owner = None if caller.role is Role.ADMIN else caller.organization
        _correction, study = self._desk.correct(caller, Subject(owner, study_uid), patient, attributes, reason)
        return study

    def undo(self, caller: Caller, correction: int, reason: str) -> None:
        self._desk.undo(caller, correction, reason)
