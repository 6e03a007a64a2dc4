"""Telling the hub how far a performed step has come: one Task of its order (FHIR R4 task.html), a new version each
time."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts import codes
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.contracts.hub_client import HubClient
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.contracts.worklist import ScheduledOrder

from ..events import STEP_NOT_TOLD
from ..imaging_study import instant
from ..patient import by_identifier
from ..recurring import next_try_us
from ..settings import DicomSettings
from ..study_index.performed_steps import COMPLETED, DISCONTINUED, IN_PROGRESS, PerformedStep, PerformedSteps
from .service import SCHEDULED_STEPS

AT_A_TIME = 16
RECEIPT_SECONDS = 60.0
_TASK_STATUS = {IN_PROGRESS: "in-progress", COMPLETED: "completed", DISCONTINUED: "failed"}
_ACCESSION, _PATIENT_ID, _REASONS, _MEANING = "00080050", "00100020", "00400281", "00080104"
_START, _END = ("00400244", "00400245"), ("00400250", "00400251")


class StepTelling:
    def __init__(self, settings: DicomSettings, steps: PerformedSteps, hub: HubClient) -> None:
        self._settings = settings
        self._steps = steps
        self._hub = hub

    def tell_due(self, now_us: int) -> int:
        """How many were tried."""
        due = self._steps.due(now_us, AT_A_TIME)
        for step in due:
            try:
                self._tell(step)
            except ExchangeError as failure:
                STEP_NOT_TOLD.log(client=step.client, what=failure.what, where=failure.where, tries=step.tries + 1)
                settings = self._settings
                again = next_try_us(
                    time.time_ns() // 1000, step.tries, settings.retry_seconds, settings.retry_longest_seconds
                )
                self._steps.later(step, again).result()
        return len(due)

    def _tell(self, step: PerformedStep) -> None:
        attributes: dict[str, Any] = msgspec.json.decode(step.attributes)
        caller = Caller(step.client, Role(step.role), step.owner)
        order = self._order(attributes, caller)
        if order is not None:
            self._hub.submit(submission_of(step, attributes, order, caller)).result(RECEIPT_SECONDS)
        self._steps.told(step).result()

    def _order(self, attributes: dict[str, Any], caller: Caller) -> ScheduledOrder | None:
        """The order of the step, where it names the same patient."""
        items = attributes.get(SCHEDULED_STEPS, {}).get("Value") or []
        for item in items:
            accession = _first(item or {}, _ACCESSION) or _first(attributes, _ACCESSION)
            order = self._hub.order_of_accession(caller, accession) if accession else None
            patient = _first(attributes, _PATIENT_ID)
            if order is not None and order.patient is not None and patient in ("", order.patient.number):
                return order
        return None


def submission_of(step: PerformedStep, attributes: dict[str, Any], order: ScheduledOrder, caller: Caller) -> Submission:
    """The same step as of the same revision is the same submission."""
    body = msgspec.json.encode(performing_task(step, attributes, order))
    identifier = f"urn:oid:{step.uid}"
    entry = Entry(Method.UPDATE, "Task", body, condition=by_identifier(codes.DICOM_UID, identifier))
    key_hash = hashlib.sha256(body).digest()
    key = f"{step.uid}/{step.revision}/{key_hash.hex()[:16]}"
    return Submission((entry,), Origin(caller, Channel.DICOM, datetime.now(UTC), key=key, key_hash=key_hash))


def performing_task(step: PerformedStep, attributes: dict[str, Any], order: ScheduledOrder) -> dict[str, Any]:
    task: dict[str, Any] = {
        "resourceType": "Task",
        "identifier": [{"system": codes.DICOM_UID, "value": f"urn:oid:{step.uid}"}],
        "status": _TASK_STATUS[step.status],
        "intent": "order",
        "code": {"coding": [{"system": codes.TASK_CODE, "code": codes.PERFORM_STUDY, "display": "Perform study"}]},
        "focus": {"reference": f"ServiceRequest/{order.id}"},
        "basedOn": [{"reference": f"ServiceRequest/{order.id}"}],
    }
    if order.patient is not None and order.owner == step.owner:
        task["for"] = {"reference": f"Patient/{order.patient.id}"}
    period = {
        name: moment
        for name, (day, hour) in (("start", _START), ("end", _END))
        if (moment := instant(_first(attributes, day), _first(attributes, hour), ""))
    }
    if period:
        task["executionPeriod"] = period
    reasons = attributes.get(_REASONS, {}).get("Value") or []
    if step.status == DISCONTINUED and reasons and (text := _first(reasons[0] or {}, _MEANING)):
        task["statusReason"] = {"text": text}
    return task


def _first(attributes: dict[str, Any], name: str) -> str:
    value = next(iter(attributes.get(name, {}).get("Value", ())), None)
    return "" if value is None else str(value)
