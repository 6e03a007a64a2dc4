"""``/cds-services``: discovery, calls and feedback. Errors are raised as ``ExchangeError``; the application around
turns them into OperationOutcomes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect, NotFound, TooLarge, Unauthenticated
from hub.contracts.gate import Gate
from hub.contracts.view_links import ViewLinks
from hub.exams.cli import explain
from hub.telemetry import metrics

from .cards import Place, answer
from .discovery import discovery, service_of
from .feedback import read_feedback, store_feedback
from .judging import Judging, Store
from .request import MOST_BYTES, read_call
from .verdict_log import patient_of

_JSON = "application/json"
KEPT_WITHIN_SECONDS = (0.05, 0.2)
FEEDBACK = metrics.describe("hub_cds_feedback_total", "Feedback on cards, by outcome.")


def _caller_of(request: Request) -> Caller:
    caller = getattr(request.state, "caller", None)
    if not isinstance(caller, Caller):
        raise Unauthenticated("No valid credential came with this request.", remedy="Send Authorization: Bearer …")
    return caller


def _acting(caller: Caller, user: str) -> Caller:
    """The practitioner that the call names stands in the audit, where the header named none."""
    named = user.startswith(("Practitioner/", "PractitionerRole/"))
    return replace(caller, actor=user[:100]) if named and caller.actor is None else caller


async def _json_body(request: Request) -> bytes:
    """The body, read no further than its limit. Raises Incorrect (415), TooLarge."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != _JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Incorrect("The body must be JSON.", remedy=f"Send Content-Type: {_JSON}.", http_status=415)
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise TooLarge("The call is too large.", remedy=f"Send at most {MOST_BYTES} bytes.")
    return bytes(content)


def _answer(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type=_JSON, headers={"Cache-Control": "no-store"})


async def _stored(act: "Callable[[], Future[Any]]") -> None:
    """A verdict is kept right after its answer: feedback that is quicker waits for it. Raises NotFound."""
    for wait_seconds in (*KEPT_WITHIN_SECONDS, None):
        try:
            await asyncio.wrap_future(act())
            return
        except NotFound:
            if wait_seconds is None:
                raise
            await asyncio.sleep(wait_seconds)


def cds_router(
    store: Store, gate: Gate, audit: ReadAudit, judging: Judging, links: ViewLinks, *, base_url: str | None = None
) -> APIRouter:
    """``base_url`` is what the hub calls itself outside, None what each request calls it."""
    router = APIRouter(tags=["cds"])

    @router.get("/cds-services")
    async def services() -> Response:
        return _answer(discovery())

    @router.post("/cds-services/{service_id}")
    async def call(service_id: str, request: Request) -> Response:
        caller = _caller_of(request)
        gate.check_action(caller, "cds")
        service = service_of(service_id)
        made = read_call(await _json_body(request), service)
        caller = _acting(caller, made.user)
        checked, judged = await judging.judge(made, caller)
        base = base_url or str(request.base_url).rstrip("/")
        place = Place(base, lambda ref: base + links.link(caller, ref))
        content, kept = answer(judged, checked.others, checked.context, place, checked.heard)
        judging.keep(kept, checked, caller, service.id, made.hook_instance)
        return _answer(content)

    @router.get("/cds-services/verdicts/{verdict_id}")
    async def verdict(verdict_id: str, request: Request) -> Response:
        """The whole reasoning of one verdict, to the organization whose order it was."""
        caller = _caller_of(request)
        gate.check_action(caller, "cds")
        patient = patient_of(store, verdict_id, caller)
        told = explain(store, verdict_id, caller.role)
        audit.note(caller, "cds", "Patient", [patient])
        return _answer(told)

    @router.post("/cds-services/{service_id}/feedback")
    async def feedback(service_id: str, request: Request) -> Response:
        caller = _caller_of(request)
        gate.check_action(caller, "cds-feedback")
        service = service_of(service_id)
        items = read_feedback(await _json_body(request))
        await _stored(lambda: store.act(lambda view: store_feedback(view, items, service.id, caller), caller))
        for item in items:
            metrics.count(FEEDBACK, service=service.id, outcome=item.outcome)
        return _answer({})

    return router
