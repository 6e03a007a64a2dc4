"""What was done to a study after it arrived, as Provenance (FHIR R4 provenance.html), and its status then. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hub.contracts.site import ZONE

from .study_index.acts import Act, Kind
from .withdrawal.titles import MISTAKEN

_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ACTIVITY = {
    Kind.CORRECT: ("amend", "更正"),
    Kind.UNDO: ("restore", "撤销更正"),
    Kind.REJECT: ("deprecate", "退回"),
    Kind.RESTORE: ("reactivate", "恢复"),
    Kind.DELETE: ("destroy", "删除"),
    Kind.REPLACE: ("amend", "替换文件头"),
}


def provenance(act: Act, study: str) -> dict[str, Any]:
    """``study`` is how the submission refers to the ImagingStudy."""
    code, text = _ACTIVITY[act.kind]
    by = act.by
    organization = {"reference": f"Organization/{by.organization}", "display": by.client}
    agent: dict[str, Any] = {"who": organization}
    if by.actor is not None:
        agent = {"who": {"reference": by.actor}, "onBehalfOf": organization}
    return {
        "resourceType": "Provenance",
        "target": [{"reference": study}],
        "recorded": datetime.fromtimestamp(by.at_us / 1_000_000, ZONE).isoformat(timespec="milliseconds"),
        "reason": [{"text": by.reason}],
        "activity": {"coding": [{"system": _LIFECYCLE, "code": code}], "text": text},
        "agent": [agent],
    }


def withdrawn_status(acts: Sequence[Act]) -> str:
    """Status of an ImagingStudy without any instance left: it never should have been, or it is no more."""
    last = acts[-1] if acts else None
    if last is None or last.kind is Kind.DELETE:
        return "cancelled"
    mistaken = last.kind is not Kind.REJECT or any(last.by.reason.startswith(title) for title in MISTAKEN)
    return "entered-in-error" if mistaken else "cancelled"
