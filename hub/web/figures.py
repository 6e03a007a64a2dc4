"""``GET /figures`` and ``GET /unmapped``: the figures of the duplicate check and the mapping desk, for people."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from hub.contracts.caller import Caller
from hub.contracts.gate import Gate

from .pages import page

Figures = Callable[[Caller, str, str, str | None], Mapping[str, Any]]
"""``hub.cds.figures_router.DuplicateFigures``."""
Desk = Callable[[Caller, str | None], Mapping[str, Any]]


def figures_pages(gate: Gate, figures: Figures, desk: Desk) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/figures")
    def duplicates(request: Request) -> Response:
        caller: Caller = request.scope["state"]["caller"]
        asked = request.query_params
        found = figures(caller, asked.get("from", ""), asked.get("to", ""), asked.get("organization"))
        return page("figures.html", caller=caller, figures=found)

    @router.get("/unmapped")
    def unmapped(request: Request) -> Response:
        caller: Caller = request.scope["state"]["caller"]
        gate.check_action(caller, "codes")
        return page("unmapped.html", caller=caller, desk=desk(caller, request.query_params.get("organization")))

    return router
