"""Why a card is overridden: the six reasons of the national Measures, then ours, as Codings and as CodeableConcepts."""

import re
from typing import Any

from hub.contracts.codes import BASE
from hub.exams.judging.exemption import Reason, reasons

REASON_SYSTEM = f"{BASE}/CodeSystem/repeat-reason"
OTHER_OVERRIDES = {
    "poor-quality": "poor-quality",
    "not-viewable": "not-viewable",
    "different-question": "different-question",
    "recommended-follow-up": "follow-up",
    "patient-request": "patient-request",
    "external-qa-failed": "external-qa-failed",
}
"""Codes that a card offers beside the national six, and the reason of the exemption table that each is."""
UNSAID = "未说明原因"
_CODE, _URI = re.compile(r"\S+( \S+)*"), re.compile(r"\S+")
_LONGEST_CODE = 100


def offered() -> dict[str, Reason]:
    """Code on the card → what it means."""
    known = reasons()
    national = {reason.code: reason for reason in known.values() if reason.national}
    return national | {code: known[reason] for code, reason in OTHER_OVERRIDES.items()}


def override_reasons() -> list[dict[str, str]]:
    """As a card offers them (CDS Hooks 2.0, overrideReasons): every one with a display."""
    return [{"code": code, "system": REASON_SYSTEM, "display": reason.zh} for code, reason in offered().items()]


def in_words(code: str | None, comment: str | None) -> str:
    """What the physician wrote, else what the code means."""
    known = offered().get(code or "")
    return clean(comment or "") or (known.zh if known is not None else code) or UNSAID


def clean(text: str) -> str:
    """Text that a FHIR string may hold: without control characters, nothing around it."""
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t").strip()


def reason_concept(system: str | None, code: str | None, comment: str | None) -> dict[str, Any]:
    """An override reason as feedback told it. A code that FHIR could not hold as one is left out."""
    usable = bool(code) and len(code or "") <= _LONGEST_CODE and _CODE.fullmatch(code or "") is not None
    code = code if usable else None
    system = system if system and _URI.fullmatch(system) else None
    concept: dict[str, Any] = {"text": in_words(code, comment)}
    if code:
        known = offered().get(code)
        coding = {"system": system or REASON_SYSTEM, "code": code}
        concept["coding"] = [coding | ({"display": known.zh} if known is not None else {})]
    return concept
