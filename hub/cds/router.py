"""``/cds-services``: discovery, calls and feedback. Errors are raised as ``ExchangeError``; the application around
turns them into OperationOutcomes."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect, NotFound, TooLarge, Unauthenticated
from hub.contracts.gate import Gate
from hub.contracts.persons import Persons
from hub.contracts.store import ResourceReader, ResourceWriter
from hub.contracts.view_links import ViewLinks
from hub.exams.cli import explain
from hub.exams.withholding import shown_to
from hub.telemetry import events, metrics

from .cards import Judged, Place, answer
from .checking import Checked, Checker
from .discovery import discovery, service_of
from .feedback import read_feedback, store_feedback
from .request import MOST_BYTES, read_call
from .verdict_log import log_of, patient_of, store_log

_JSON = "application/json"
KEPT_WITHIN_SECONDS = (0.05, 0.2)
VERDICTS = metrics.describe("hub_cds_verdicts_total", "Verdicts on ordered examinations, by verdict and card.")
FEEDBACK = metrics.describe("hub_cds_feedback_total", "Feedback on cards, by outcome.")
LOST = events.declare("cds.verdicts-lost", "error", ("error",), "Verdicts that were answered could not be kept.")


class Store(ResourceReader, ResourceWriter, Protocol):
    """What this room needs of the store."""


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


def _note_loss(future: "Future[Any]") -> None:
    error = future.exception() if not future.cancelled() else None
    if error is not None:
        LOST.log(error=type(error).__name__)


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


def judged_for(checked: Checked, caller: Caller) -> list[Judged]:
    """Each verdict under an id of its own, and as this caller may be told it."""
    return [
        Judged(
            draft,
            verdict,
            shown_to(verdict, checked.contexts.get(draft.ref, checked.context), caller.role),
            str(uuid.uuid4()),
        )
        for draft, verdict in zip(checked.drafts, checked.verdicts, strict=True)
    ]


def cds_router(
    store: Store,
    gate: Gate,
    persons: Persons,
    audit: ReadAudit,
    links: ViewLinks,
    *,
    base_url: str | None = None,
    checker: Checker | None = None,
) -> APIRouter:
    """``base_url`` is what the hub calls itself outside, None what each request calls it. ``checker`` is handed in by
    tests alone."""
    router = APIRouter(tags=["cds"])
    checks = checker or Checker(store, persons)

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
        checked = checks.check(made, caller, gate.scope(caller))
        judged = judged_for(checked, caller)
        base = base_url or str(request.base_url).rstrip("/")
        place = Place(base, lambda ref: base + links.link(caller, ref))
        content, kept = answer(judged, checked.others, checked.context, place)
        audit.note(caller, "cds", "Patient", checked.patients)
        for each in kept:
            shown = each.verdict.indicator if each.card else None
            metrics.count(VERDICTS, service=service.id, verdict=each.verdict.code, card=shown or "none")
        if kept:
            log = log_of(kept, checked, caller, service.id, made.hook_instance, made.patient_id)
            store.act(lambda view: store_log(view, log), caller).add_done_callback(_note_loss)
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
