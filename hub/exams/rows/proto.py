"""What the readers of all resources share: a row before it has an owner, and the elements that tell of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..examination import Examination, encode
from .fhir_reading import UNDATED_US, extensions, nested, part, parts, performed_us, reference, text, value_of
from .row import Detail, State

REPORT_STATES = {
    **dict.fromkeys(("final", "amended", "corrected", "appended"), State.FINAL),
    **dict.fromkeys(("registered", "partial", "preliminary"), State.EXPECTED),
}
"""DiagnosticReport.status and Observation.status; what is not here does not count."""
UNIT_DAYS = {"d": 1.0, "wk": 7.0, "mo": 30.0, "a": 365.0, "h": 1 / 24, "min": 1 / 1440}


@dataclass(frozen=True, slots=True)
class Proto:
    """A row without its owner and patient. ``results`` are the Observations a laboratory report cites."""

    keys: tuple[str, ...]
    anchor_us: int
    state: State
    exam: bytes | None
    links: tuple[str, ...]
    detail: Detail
    results: tuple[str, ...] = ()


@lru_cache(maxsize=16384)
def encoded(examination: Examination) -> bytes:
    return encode(examination)


def anchored(found: tuple[int, bool] | None) -> tuple[int, bool]:
    return found if found is not None else (UNDATED_US, False)


def organization_of(resource: Any, name: str) -> tuple[str, str]:
    """Id of the first Organization among performers, and the name to show."""
    organization, shown = "", ""
    for performer in parts(resource, name):
        each = part(performer, "actor") or performer
        target = reference(each)
        if target.startswith("Organization/") and not organization:
            organization = target.partition("/")[2]
            shown = text(each, "display") or shown
        shown = shown or text(each, "display")
    return organization, shown


def marks_of(resource: Any) -> dict[str, Any]:
    """Recognition mark, external quality assessment, quality complaint, recommended follow-up: our extensions."""
    found: dict[str, Any] = {}
    if part(resource, "extension") is None:
        return found
    for mark in extensions(resource, "recognition-mark"):
        found["mark"] = str(value_of(nested(mark, "mark")) or "")
        found["mark_scope"] = str(value_of(nested(mark, "scope")) or "")
    for assessed in extensions(resource, "external-quality-assessment"):
        period = part(nested(assessed, "period"), "valuePeriod")
        start, end = performed_us(period, "start"), performed_us(period, "end")
        day_us = 86_400_000_000
        found["assessed_from_us"] = start[0] if start else None
        found["assessed_to_us"] = end[0] + (day_us - 1 if end[1] else 0) if end else None
        found["assessment_passed"] = value_of(nested(assessed, "passed")) is True
    for complaint in extensions(resource, "quality-complaint"):
        found["quality_complaint"] = str(value_of(complaint) or "poor")
    for recommended in extensions(resource, "recommended-follow-up"):
        duration = part(recommended, "valueDuration") or part(recommended, "valueQuantity")
        try:
            days = float(part(duration, "value")) * UNIT_DAYS.get(text(duration, "code") or "d", 1.0)
        except (TypeError, ValueError):
            continue
        found["follow_up_days"] = days
    return found


def timing_days(timing: Any) -> float | None:
    """How far apart the repetitions of a Timing are, in days; None where it does not say."""
    repeat = part(timing, "repeat")
    try:
        period = float(part(repeat, "period"))
        frequency = float(part(repeat, "frequency") or 1)
    except (TypeError, ValueError):
        return None
    unit = UNIT_DAYS.get(text(repeat, "periodUnit"))
    return period * unit / frequency if unit and frequency > 0 else None
