"""``/quarantine``: what was refused, for its sender and, without the content, for admins."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal, Protocol

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from hub.contracts.caller import Caller
from hub.contracts.errors import NotFound
from hub.contracts.gate import Gate
from hub.contracts.submission import Original
from hub.intake.quarantine import LARGEST_PAGE, Item
from hub.intake.reconciling import Reconciling
from hub.intake.replay import Replay

from .caller import caller_of
from .receipts import answer_of

DEFAULT_PAGE = 100


class QuarantineList(Protocol):
    """``hub.intake.quarantine.SqlQuarantine``."""

    def listed(self, caller: Caller, count: int) -> Sequence[Item]: ...

    def item(self, item_id: str, caller: Caller) -> Item: ...

    def original(self, item_id: str, caller: Caller) -> Original: ...


class Decision(BaseModel):
    """``new``: the later copy takes the place of the first. ``first``: the first stays."""

    take: Literal["new", "first"]
    reason: str = ""


def quarantine_router(quarantine: QuarantineList, replay: Replay, gate: Gate, reconciling: Reconciling) -> APIRouter:
    router = APIRouter(tags=["quarantine"])

    @router.post("/quarantine/{item_id}/reconcile", summary="Which of two copies of one object is right.")
    def reconcile(request: Request, item_id: str, decision: Decision) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "quarantine")
        gate.check_action(caller, "dicom-amend")
        reconciling.decide(item_id, decision.take, decision.reason, caller)
        return JSONResponse(asdict(quarantine.item(item_id, caller)))

    @router.get("/quarantine", summary="What was refused, newest first.")
    def listing(
        request: Request, count: Annotated[int, Query(alias="_count", ge=0, le=LARGEST_PAGE)] = DEFAULT_PAGE
    ) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "quarantine")
        return JSONResponse({"items": [asdict(item) for item in quarantine.listed(caller, count)]})

    @router.get("/quarantine/{item_id}", summary="One refusal, with field and remedy.")
    def one(request: Request, item_id: str) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "quarantine")
        return JSONResponse(asdict(quarantine.item(item_id, caller)))

    @router.get("/quarantine/{item_id}/original", summary="The exact bytes as received, for the sender alone.")
    def original(request: Request, item_id: str) -> Response:
        caller = caller_of(request)
        gate.check_action(caller, "quarantine")
        quarantine.item(item_id, caller)  # what is not there is not found before anything is forbidden
        gate.check_action(caller, "quarantine-original")
        kept = quarantine.original(item_id, caller)
        headers = {
            # Foreign bytes under our own origin: never to be rendered or sniffed by a browser.
            "Content-Disposition": f'attachment; filename="{item_id}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        answer = Response(kept.content, headers=headers)
        answer.headers["Content-Type"] = _header_safe(kept.content_type)
        return answer

    @router.post("/quarantine/{item_id}/replay", summary="Run it again; 200 and a receipt when it is accepted now.")
    async def run_again(request: Request, item_id: str) -> Response:
        caller = caller_of(request)
        gate.check_action(caller, "quarantine")
        item = await run_in_threadpool(quarantine.item, item_id, caller)
        gate.check_action(caller, "quarantine-replay")
        if item.client != caller.client:
            raise NotFound("There is no such item in quarantine.", remedy="Only the sender may replay it.")
        return answer_of(await replay.run(item_id, caller), 200)

    return router


def _header_safe(content_type: str) -> str:
    usable = content_type.isascii() and content_type.isprintable() and content_type
    return content_type if usable else "application/octet-stream"
