"""The Store Instances Response Module (PS3.18 Annex I.2): what became of each instance, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.contracts.errors import Unsupported

from ..archive import Kept, Outcome
from ..status import COERCION_OF_DATA_ELEMENTS, dimse_status

WARNING_REASON, FAILURE_REASON = "00081196", "00081197"
TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122
_TRANSFER_SYNTAX = "(0002,0010)"

Attributes = dict[str, Any]


@dataclass(slots=True)
class Result:
    """``named`` are SOP Class and SOP Instance UID of what failed, as far as they could be read."""

    kept: Kept | None = None
    failure: Exception | None = None
    named: tuple[str, str] = ("", "")

    @property
    def warned(self) -> bool:
        return self.kept is not None and self.kept.outcome is Outcome.RECONCILE


def status_of(results: Sequence[Result]) -> int:
    """200 where everything is stored, 202 where some is or there are warnings, 409 where nothing is."""
    failed = sum(result.failure is not None for result in results)
    if failed == len(results):
        return 409
    return 202 if failed or any(result.warned for result in results) else 200


def response(results: Sequence[Result], study_uid: str | None, root: str) -> Attributes:
    stored, failed = [], []
    studies = {result.kept.header.study_uid for result in results if result.kept is not None}
    for result in results:
        if result.kept is not None:
            stored.append(_stored(result, result.kept, root))
        elif result.failure is not None:
            failed.append(_failed(result, result.failure))
    made: Attributes = {}
    if len(studies) == 1 or study_uid:
        made["00081190"] = {"vr": "UR", "Value": [f"{root}/studies/{study_uid or studies.pop()}"]}
    if failed:
        made["00081198"] = {"vr": "SQ", "Value": failed}
    if stored:
        made["00081199"] = {"vr": "SQ", "Value": stored}
    return made


def _stored(result: Result, kept: Kept, root: str) -> Attributes:
    header = kept.header
    url = f"{root}/studies/{header.study_uid}/series/{header.series_uid}/instances/{header.sop_instance_uid}"
    item = _named(header.sop_class_uid, header.sop_instance_uid) | {"00081190": {"vr": "UR", "Value": [url]}}
    if result.warned:
        item[WARNING_REASON] = {"vr": "US", "Value": [COERCION_OF_DATA_ELEMENTS]}
    return item


def _failed(result: Result, failure: Exception) -> Attributes:
    reason = dimse_status(failure)
    if isinstance(failure, Unsupported) and failure.where == _TRANSFER_SYNTAX:
        reason = TRANSFER_SYNTAX_NOT_SUPPORTED
    return _named(*result.named) | {FAILURE_REASON: {"vr": "US", "Value": [reason]}}


def _named(sop_class: str, instance: str) -> Attributes:
    both = {"00081150": sop_class, "00081155": instance}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in both.items() if uid}
