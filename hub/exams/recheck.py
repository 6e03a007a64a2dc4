"""An order is checked again when it arrives, inside its own commit: of two clinics that order at the same moment, the
second is told by a DetectedIssue."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts.caller import Role
from hub.contracts.store import CommitView, Written
from hub.contracts.submission import Notice

from .code_maps.current import local_codes
from .judging.coverage import Coverage
from .judging.evidence import expiry_seconds
from .judging.history import history
from .judging.institutions import Institutions
from .judging.order_facts import order_from
from .judging.prior import Context
from .judging.signing import reach
from .judging.site_windows import site_tables
from .judging.verdict import Verdict, judge
from .rows.fhir_reading import part, performed_us, reference, text
from .telling.issue import VERDICT_SYSTEM, detected_issue, issue_id
from .telling.withholding import shown_to

_ORDERING = frozenset({Role.PHYSICIAN, Role.CLINIC, Role.SERVICE})
_ACTIVE = frozenset({"active"})
_NOT_YET = frozenset({"proposal", "plan", "option"})
_SETTINGS = {
    **dict.fromkeys(("IMP", "ACUTE", "NONAC", "SS", "I"), "inpatient"),
    **dict.fromkeys(("EMER", "E"), "emergency"),
    **dict.fromkeys(("AMB", "HH", "VR", "FLD", "OBSENC", "PRENC", "O"), "outpatient"),
}
"""v3-ActCode, and HL7 v2-0004 as many senders keep it."""
_SETTING_WORDS = {"急诊": "emergency", "抢救": "emergency", "EMERGENCY": "emergency", "住院": "inpatient",
                  "INPATIENT": "inpatient"}  # fmt: skip


def setting_of(encounter: Any) -> str:
    """Outpatient, inpatient or emergency, from Encounter.class."""
    kind = part(encounter, "class_") or part(encounter, "class")
    code = text(kind, "code").upper()
    if code in _SETTINGS:
        return _SETTINGS[code]
    said = f"{code} {text(kind, 'display').upper()}"
    return next((setting for word, setting in _SETTING_WORDS.items() if word in said), "outpatient")


def birth_us_of(patient: Any) -> int | None:
    """The birth of a Patient in microseconds since the epoch, None where it is unknown or not to the day."""
    found = performed_us(patient, "birthDate")
    return found[0] if found else None


def microseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)


def to_be_checked(one: Written, view: CommitView) -> bool:
    """Active orders that a clinic or a physician places now; not the history a platform loads."""
    if one.type != "ServiceRequest" or one.deleted or one.patient is None or view.caller.role not in _ORDERING:
        return False
    return text(one.resource, "status") in _ACTIVE and text(one.resource, "intent") not in (
        "proposal",
        "plan",
        "option",
    )


def _read(view: CommitView, resource_type: str, resource_id: str) -> Any:
    stored = view.read(resource_type, resource_id)
    return msgspec.json.decode(stored.body) if stored is not None else None


def _body(view: CommitView) -> Institutions:
    def read(resource_type: str, resource_id: str) -> bytes | None:
        stored = view.read(resource_type, resource_id)
        return stored.body if stored is not None else None

    return Institutions(read)


def patients_of(view: CommitView, patient: str) -> list[str]:
    """Every source Patient of the person, as the identity room has linked them."""
    found = view.rows(
        "SELECT patient_id FROM identity_link WHERE person_id ="
        " (SELECT person_id FROM identity_link WHERE patient_id = ?)",
        (patient,),
    )
    return list(dict.fromkeys([patient, *(row[0] for row in found)]))


def verdict_on(one: Written, view: CommitView) -> Verdict | None:
    """The verdict on an order that has just been written, as far as it may be told: an issue is read by others than
    who ordered. None where there is nothing to judge."""
    order = order_from(
        one.resource,
        f"ServiceRequest/{one.id}",
        local=local_codes(view.rows, one.owner),
        referenced=lambda ref: _read(view, *ref.split("/", 1)) if "/" in ref else None,
    )
    if order.examination is None or one.patient is None:
        return None
    now_us = microseconds(view.now)
    authored = performed_us(one.resource, "authoredOn")
    if authored is not None and (now_us - authored[0]) / 1e6 > expiry_seconds(order.examination):
        return None
    institutions = _body(view)
    encounter = reference(part(one.resource, "encounter")).partition("/")
    patient = _read(view, "Patient", one.patient)
    context = Context(
        now_us=now_us,
        organization=one.owner,
        institution=institutions,
        setting=setting_of(_read(view, "Encounter", encounter[2])) if encounter[0] == "Encounter" else "outpatient",
        birth_us=birth_us_of(patient),
        sites=site_tables(view.rows, one.owner, institutions),
    )
    since_us = reach([order], [context])
    found = history(view.rows, patients_of(view, one.patient), since_us, [order.examination])
    verdict = judge(order, found.priors, replace(context, plans=found.plans))
    return shown_to(verdict, context, view.caller.role, from_owner=True)


def recheck(one: Written, view: CommitView) -> None:
    """Put a DetectedIssue beside the order where it duplicates, and tell its sender with the answer."""
    verdict = verdict_on(one, view)
    if verdict is None or verdict.indicator is None or verdict.coverage is not Coverage.FULL:
        return
    if verdict.code not in ("duplicate", "in-flight"):
        return
    order = f"ServiceRequest/{one.id}"
    number = issue_id(order)
    issue = detected_issue(verdict, order, one.patient or "", microseconds(view.now), _body(view))
    issue["identifier"] = [{"system": VERDICT_SYSTEM, "value": f"re{number.replace('dup', 'check', 1)}-{one.version}"}]
    view.put("DetectedIssue", issue, owner=one.owner, id=number, patient=one.patient)
    view.tell(Notice(order, verdict.code, issue["detail"]))
