"""``POST /ingest/…``: messages and files in their own format, handed to the adapter of their channel."""

import hashlib
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from hub.api.asgi import BodyBudget, headers_of, read_body
from hub.contracts.caller import Caller
from hub.contracts.errors import Conflict, ExchangeError, Incorrect, NotFound, Precondition, Unsupported
from hub.contracts.gate import Gate
from hub.contracts.ingest import Ingester
from hub.contracts.quarantine import Quarantine, Refusal
from hub.contracts.submission import Channel, Original

from .caller import caller_of
from .receipts import answer_of

HL7V2_TYPE = "x-application/hl7-v2+er7"
"""Media type of HL7 v2 in its vertical-bar encoding, as HL7 over HTTP names it."""

_HL7V2_TYPES = frozenset({HL7V2_TYPE, "application/hl7-v2+er7", "application/hl7-v2", "text/hl7v2"})
_ECG_PARAMETERS = frozenset({"patient", "name", "order", "emergency"})
_KEPT = (Incorrect, Unsupported, Conflict, NotFound, Precondition)
"""Refusals that are the content's own fault: sent again unchanged they are refused again, so they are kept."""


def ingest_router(
    ingesters: Mapping[Channel, Ingester], quarantine: Quarantine, gate: Gate, budget: BodyBudget
) -> APIRouter:
    """``ingesters`` holds what this hub can read; a channel without one has no route here."""
    router = APIRouter(tags=["ingest"])

    async def content_of(request: Request, caller: Caller) -> bytes:
        gate.check_action(caller, "ingest")
        return await read_body(request.receive, headers_of(request.scope), budget)

    async def run(channel: Channel, content: bytes, request: Request, caller: Caller) -> Response:
        content_type = request.headers.get("content-type", "application/octet-stream")
        query = dict(request.query_params)
        try:
            answer = await ingesters[channel](content, content_type, caller, query)
        except _KEPT as refused:
            if not refused.quarantine_id:
                refusal = Refusal(
                    channel,
                    hashlib.sha256(content).hexdigest(),
                    refused.what,
                    refused.where,
                    refused.remedy,
                    Original(content, content_type),
                    parameters=query,
                )
                refused.quarantine_id = await run_in_threadpool(quarantine.keep, refusal, caller)
            raise naming_quarantine(refused) from None
        return answer_of(answer, 201)

    if Channel.HL7V2 in ingesters:

        @router.post("/ingest/hl7v2", summary="One HL7 v2 message; answers its ACK.")
        async def hl7v2(request: Request) -> Response:
            caller = caller_of(request)
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type not in _HL7V2_TYPES:
                raise _wrong_type(f"Send one HL7 v2 message with Content-Type: {HL7V2_TYPE}.")
            content = await content_of(request, caller)
            try:
                return await run(Channel.HL7V2, content, request, caller)
            finally:
                budget.release(len(content))

    if Channel.ECG in ingesters:

        @router.post("/ingest/ecg", summary="One ECG file in its own format.")
        async def ecg(request: Request) -> Response:
            caller = caller_of(request)
            for name in request.query_params:
                if name not in _ECG_PARAMETERS:
                    raise Incorrect(
                        f"The parameter {name[:64]!r} is not known here.",
                        remedy="Known are patient, name, order and emergency.",
                        http_status=400,
                    )
            content = await content_of(request, caller)
            try:
                return await run(Channel.ECG, content, request, caller)
            finally:
                budget.release(len(content))

    return router


def naming_quarantine(refused: ExchangeError) -> ExchangeError:
    """The refusal as the door tells it: always 422, its remedy naming the quarantine id."""
    remedy = f"{refused.remedy} Kept as quarantine item {refused.quarantine_id}.".strip()
    told = Incorrect(refused.what, where=refused.where, remedy=remedy, issue_code=refused.issue_code)
    told.quarantine_id = refused.quarantine_id
    return told


def _wrong_type(remedy: str) -> Incorrect:
    return Incorrect("This Content-Type is not taken here.", remedy=remedy, issue_code="not-supported", http_status=415)
