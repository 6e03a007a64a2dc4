"""``GET /delivery`` and ``POST /delivery/{id}/retry``: what has not arrived, for admins. Nothing of any content."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from hub.contracts.caller import Caller
from hub.contracts.errors import Unauthenticated
from hub.contracts.gate import Gate
from hub.contracts.store import ResourceStore

from . import outbox

LARGEST_PAGE = 1000


def delivery_router(store: ResourceStore, gate: Gate) -> APIRouter:
    """Raises ExchangeErrors; the application that includes it turns them into OperationOutcomes."""
    router = APIRouter()

    @router.get("/delivery")
    def listing(
        request: Request,
        state: str | None = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=LARGEST_PAGE)] = 100,
    ) -> dict[str, Any]:
        """Newest first. ``state``: waiting, delivered, dead (refused; still tried every 5 minutes), superseded."""
        gate.check_action(_caller(request), "delivery")
        return {"items": outbox.listed(store, state, count), "open": outbox.counts(store)}

    @router.post("/delivery/{number}/retry", status_code=202)
    async def retry(request: Request, number: int) -> dict[str, Any]:
        """Try an open delivery now."""
        gate.check_action(_caller(request), "delivery")
        await asyncio.wrap_future(store.act(lambda view: outbox.retry_now(view, number), outbox.HUB))
        return {"id": number, "state": "due"}

    return router


def _caller(request: Request) -> Caller:
    caller = request.scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("No client is known for this request.", remedy="Send Authorization: Bearer TOKEN.")
    return caller
