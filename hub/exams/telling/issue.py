"""A verdict as a DetectedIssue (R4 detectedissue.html; ``DUPTHPY`` of v3-ActCode)."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from hub.contracts.codes import BASE
from hub.contracts.site import ZONE

from ..judging.recognition import Lookup
from ..judging.verdict import Verdict
from .wording import sentence

DUPLICATE_CODE = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "DUPTHPY"}],
    "text": "重复检查检验",
}
VERDICT_SYSTEM = f"{BASE}/verdict"


def issue_id(order: str) -> str:
    """Id of the DetectedIssue beside an order (``ServiceRequest/ID``)."""
    return f"dup-{hashlib.sha256(order.encode()).hexdigest()[:24]}"


def detected_issue(
    verdict: Verdict, order: str, patient: str, now_us: int, institution: Lookup, *, status: str = "final"
) -> dict[str, Any]:
    """``order`` is its reference, empty where it has none yet; ``patient`` an id. The priors implicated are those that
    the verdict names."""
    code = {"coding": [{"system": f"{VERDICT_SYSTEM}-code", "code": verdict.code}]}
    priors = [{"reference": ref} for ref in verdict.priors]
    issue: dict[str, Any] = {
        "resourceType": "DetectedIssue",
        "status": status,
        "code": DUPLICATE_CODE,
        "severity": "moderate" if verdict.indicator == "warning" else "low",
        "patient": {"reference": f"Patient/{patient}"},
        "identifiedDateTime": datetime.fromtimestamp(now_us / 1e6, UTC).astimezone(ZONE).isoformat(timespec="seconds"),
        "evidence": [{"code": [code], "detail": priors} if priors else {"code": [code]}],
        "detail": sentence(verdict, now_us, institution),
    }
    implicated = [*([{"reference": order}] if order else []), *priors]
    return issue | ({"implicated": implicated} if implicated else {})
