"""``GET /archives`` and ``GET /routes``: archives that stay at their hospitals, and where images go on to; for
operations. Nothing of a patient, and no secrets."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request

from hub.contracts.gate import Gate

from .caller import caller_of

Told = Callable[[], Sequence[dict[str, Any]]]


def imaging_router(archives: Told, routes: Told, gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.get("/archives")
    def archives_now(request: Request) -> dict[str, Any]:
        """State, last success and lag of each archive."""
        gate.check_action(caller_of(request), "operations")
        return {"items": archives()}

    @router.get("/routes")
    def routes_now(request: Request) -> dict[str, Any]:
        """What each destination has taken, and what waits for it."""
        gate.check_action(caller_of(request), "operations")
        return {"items": routes()}

    return router
