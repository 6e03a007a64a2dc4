"""The MPPS SCP (PS3.4 F.7.2): N-CREATE begins a step, N-SET changes and ends it; what is ended stays as it is."""

import time
import uuid
from dataclasses import replace
from typing import Any

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.errors import Conflict, ExchangeError, Forbidden, Incorrect, NotFound, Unauthenticated, Unsupported

from .. import uids
from ..dimse.exchange import Exchange
from ..dimse.message import Element, Field, Value
from ..query.identifier import read_identifier, where
from ..scp.peers import Peers
from ..scp.serving import Request
from ..status import (
    DUPLICATE_SOP_INSTANCE,
    NO_SUCH_SOP_INSTANCE,
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    object_status,
)
from ..study_index.performed_steps import FINAL, IN_PROGRESS, PerformedStep, PerformedSteps

STATUS, SCHEDULED_STEPS, STUDY = "00400252", "00400270", "0020000D"
MAY_NO_LONGER_BE_UPDATED = 0xA506
"""Error ID (0000,0903) beside status 0110 (PS3.4 table F.7.2-2)."""
ERROR_ID = 0x0903
_SECONDS = 30.0
_STATUSES = FINAL | {IN_PROGRESS}


class _Ended(Exception):
    """The step is final."""


class PerformedStepService:
    def __init__(self, steps: PerformedSteps, peers: Peers) -> None:
        self._steps = steps
        self._peers = peers

    def failure(self, error: ExchangeError) -> int:
        if isinstance(error, Incorrect):
            return object_status(error)
        for category, status in (
            (Conflict, DUPLICATE_SOP_INSTANCE),
            (NotFound, NO_SUCH_SOP_INSTANCE),
            (Forbidden, NOT_AUTHORIZED),
            (Unauthenticated, NOT_AUTHORIZED),
            (Unsupported, UNRECOGNIZED_OPERATION),
        ):
            if isinstance(error, category):
                return status
        return PROCESSING_FAILURE

    def serve(self, request: Request, exchange: Exchange) -> None:
        caller = self._peers.may(request.peer, "dicom-store")
        instance = request.sop_instance
        if instance and not uids.is_uid(instance):
            raise Incorrect("This is not a DICOM UID.", where="(0000,1000)", issue_code="value")
        more: dict[int, Value] = {}
        if request.field is Field.N_CREATE_RQ:
            instance = instance or f"2.25.{uuid.uuid4().int}"
            self._create(request, instance, caller)
            more[Element.AFFECTED_SOP_INSTANCE] = instance
        elif request.field is Field.N_SET_RQ:
            try:
                self._set(request, caller)
            except _Ended:
                answer = request.response(
                    PROCESSING_FAILURE,
                    "The step is ended and stays as it is.",
                    more={ERROR_ID: MAY_NO_LONGER_BE_UPDATED},
                )
                exchange.send(request.context_id, answer)
                return
        else:
            raise Unsupported("This operation is not part of the service.")
        exchange.send(request.context_id, request.response(SUCCESS, more=more))

    def _create(self, request: Request, instance: str, caller: Caller) -> None:
        attributes = read_identifier(request.data, request.transfer_syntax).attributes
        if STATUS not in attributes or SCHEDULED_STEPS not in attributes:
            missing = STATUS if STATUS not in attributes else SCHEDULED_STEPS
            raise Incorrect("An attribute of a new step is missing.", where=where(missing), issue_code="required")
        if _status(attributes) != IN_PROGRESS:
            raise Incorrect("A step begins as IN PROGRESS.", where=where(STATUS), issue_code="value")
        step = PerformedStep(
            caller.organization, instance, IN_PROGRESS, msgspec.json.encode(attributes), caller.client, caller.role
        )
        self._steps.create(step, time.time_ns() // 1000).result(_SECONDS)

    def _set(self, request: Request, caller: Caller) -> None:
        step = self._steps.of(caller.organization, request.sop_instance)
        if step is None:
            raise NotFound("There is no such performed procedure step.", where="(0000,1001)")
        if step.status in FINAL:
            raise _Ended
        changes = read_identifier(request.data, request.transfer_syntax).attributes
        status = _status(changes) or IN_PROGRESS
        if status not in _STATUSES:
            raise Incorrect(
                "A step is IN PROGRESS, COMPLETED or DISCONTINUED.", where=where(STATUS), issue_code="value"
            )
        attributes: dict[str, Any] = msgspec.json.decode(step.attributes) | changes
        changed = replace(
            step, status=status, attributes=msgspec.json.encode(attributes), client=caller.client, role=caller.role
        )
        self._steps.change(changed, studies_of(attributes), time.time_ns() // 1000).result(_SECONDS)


def studies_of(attributes: dict[str, Any]) -> list[str]:
    """Study Instance UIDs that a step is part of."""
    items = attributes.get(SCHEDULED_STEPS, {}).get("Value") or []
    found = (next(iter((item or {}).get(STUDY, {}).get("Value", ())), None) for item in items)
    return list(dict.fromkeys(str(uid) for uid in found if uid))


def _status(attributes: dict[str, Any]) -> str:
    return str(next(iter(attributes.get(STATUS, {}).get("Value", ())), ""))
