"""``/identity/reviews``: pairs of records that a person must decide on, for those who administer.

``GET`` lists them; ``GET …/ID`` shows both records side by side with what every field counts; ``POST …/ID`` with
``{"decision": "same" | "not-same" | "later", "reason": "…"}`` decides.
"""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from hub.contracts.audit import ReadAudit
from hub.contracts.gate import Gate
from hub.identity.comparison import summary
from hub.identity.desk import MOST_LISTED, Desk
from hub.identity.reviews import WAITING, State

from .caller import caller_of

ACTION = "identity-review"
DEFAULT_PAGE = 100


class Decision(BaseModel):
    """The body of a decision."""

    model_config = ConfigDict(extra="forbid")
    decision: str
    reason: str = ""


def reviews_router(desk: Desk, gate: Gate, audit: ReadAudit) -> APIRouter:
    router = APIRouter(tags=["identity"])

    @router.get("/identity/reviews", summary="What waits to be decided, the oldest first; state=all lists all.")
    def listing(
        request: Request,
        state: Literal["waiting", "open", "later", "same", "not-same", "obsolete", "all"] = "waiting",
        count: Annotated[int, Query(alias="_count", ge=0, le=MOST_LISTED)] = DEFAULT_PAGE,
    ) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, ACTION)
        states = {"waiting": WAITING, "all": tuple(State)}.get(state) or (State(state),)
        items = desk.listed(states, count)
        named = {record.removeprefix("Patient/") for item in items for record in item["records"]}
        audit.note(caller, "operation", "Task", sorted(named))
        return JSONResponse({"items": items})

    @router.get("/identity/reviews/{review_id}", summary="Both records side by side.")
    def one(request: Request, review_id: str) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, ACTION)
        review, shown = desk.compared(review_id)
        audit.note(caller, "operation", "Task", [review.one, review.other])
        return JSONResponse(shown)

    @router.post("/identity/reviews/{review_id}", summary="Same, not the same, or later; with a reason.")
    async def decide(request: Request, review_id: str, body: Decision) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, ACTION)
        decided = await asyncio.wrap_future(desk.decide(review_id, body.decision, body.reason, caller))
        audit.note(caller, "operation", "Task", [decided.one, decided.other])
        return JSONResponse(summary(decided))

    return router
