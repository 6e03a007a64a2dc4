"""What a reader's page submits of a reading Task: a claim, giving it back, a signed report. Pure: entries, not writes.

Who may do it and whether it is still possible is decided where every submission is (``task_states``).
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect
from hub.contracts.submission import Entry, Method

FINDINGS = "检查所见"
"""Title of the form that holds the findings; the conclusion is ``DiagnosticReport.conclusion``."""
_REPORT = "urn:uuid:5b6b4bbd-6d9f-4f2e-9f0c-3d8f3e3b7a10"
_SERVICE_SECTION = "http://terminology.hl7.org/CodeSystem/v2-0074"
Json = dict[str, Any]


def claim(task: Mapping[str, Any], version: str, reader: str, organization: str) -> tuple[Entry, ...]:
    """``version`` is the one the page showed: of two readers, one wins. Raises Incorrect."""
    if not reader:
        raise Incorrect("A claim names its reader.", where="reader", remedy="Give your name.")
    owner = {"reference": f"Organization/{organization}", "display": reader}
    return (_moved(task, version, status="in-progress", owner=owner),)


def release(task: Mapping[str, Any], version: str) -> tuple[Entry, ...]:
    """The Task waits for a reader again."""
    return (_moved({name: value for name, value in task.items() if name != "owner"}, version, status="requested"),)


def sign(
    task: Mapping[str, Any], version: str, study: Mapping[str, Any], findings: str, conclusion: str, now: datetime
) -> tuple[Entry, ...]:
    """A final report of the study, and the Task completed by it. Raises Incorrect where nothing is concluded."""
    if not conclusion:
        raise Incorrect("A report needs a conclusion.", where="conclusion", remedy="Write what the study shows.")
    owner = task.get("owner") or {}
    modalities = [one.get("code", "") for one in study.get("modality") or ()]
    report: Json = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "category": [{"coding": [{"system": _SERVICE_SECTION, "code": "EC" if modalities == ["ECG"] else "RAD"}]}],
        "code": {"text": study.get("description") or " ".join(modalities) or "影像检查"},
        "effectiveDateTime": study.get("started") or now.isoformat(timespec="seconds"),
        "issued": now.isoformat(timespec="milliseconds"),
        "performer": [{"reference": owner["reference"]}] if owner.get("reference") else [],
        "resultsInterpreter": [{"display": owner["display"]}] if owner.get("display") else [],
        "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
        "conclusion": conclusion,
    }
    report |= {"subject": study["subject"]} if study.get("subject") else {}
    report |= {"basedOn": study["basedOn"]} if study.get("basedOn") else {}
    if findings:
        data = base64.b64encode(findings.encode()).decode("ascii")
        report["presentedForm"] = [{"contentType": "text/plain; charset=utf-8", "title": FINDINGS, "data": data}]
    body = msgspec.json.encode({name: value for name, value in report.items() if value != []})
    output = [{"type": {"text": "report"}, "valueReference": {"reference": _REPORT}}]
    return (
        Entry(Method.CREATE, "DiagnosticReport", body, full_url=_REPORT),
        _moved(task, version, status="completed", output=output),
    )


def findings_of(report: Mapping[str, Any]) -> str:
    """The findings of a report that was signed here, or came with a text form; empty where there are none."""
    for form in report.get("presentedForm") or ():
        if str(form.get("contentType", "")).startswith("text/plain") and form.get("data"):
            try:
                return base64.b64decode(str(form["data"])).decode("utf-8")
            except ValueError:
                continue
    return ""


def _moved(task: Mapping[str, Any], version: str, **changed: object) -> Entry:
    return Entry(Method.UPDATE, "Task", msgspec.json.encode({**task, **changed}), id=str(task["id"]), if_match=version)
