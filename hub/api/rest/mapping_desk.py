"""``/exams``: the mapping desk. Names that were not understood, and the code map that makes them understood.

A clinic and a reading centre see and map their own words, an admin everybody's (``organization=``). For anybody but
the clinic itself, names that came fewer than ``FEWEST`` times are counted and not shown: a name typed once may hold
anything.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Incorrect
from hub.contracts.gate import Gate
from hub.contracts.site import instant
from hub.contracts.store import ResourceReader, ResourceStore
from hub.exams.code_maps.code_list import add_line, list_id, read_line
from hub.exams.code_maps.current import lines_held
from hub.exams.code_maps.rereading import progress
from hub.exams.code_maps.unread import FEWEST, unmapped

from .caller import caller_of

MOST = 1000
MOST_BYTES = 64 * 1024


def whose(caller: Caller, organization: str | None) -> str | None:
    """Whose words a caller may see: its own, or, for an admin, those of one organization or of all (None)."""
    return organization or None if caller.role is Role.ADMIN else caller.organization


def desk(store: ResourceReader, caller: Caller, organization: str | None, count: int) -> dict[str, Any]:
    """What ``GET /exams/unmapped`` answers, and what the page shows."""
    asked = whose(caller, organization)
    names = unmapped(store.side_rows, asked, count)
    shown = [one for one in names if one["organization"] == caller.organization or one["times"] >= FEWEST]
    return {
        "items": [_told(one) for one in shown],
        "withheld": len(names) - len(shown),
        "rereading": [_told(one) for one in progress(store.side_rows, asked)],
    }


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """Times in words: ``last_us`` as ``last``."""
    return {
        name.removesuffix("_us"): (instant(value) if name.endswith("_us") and value is not None else value)
        for name, value in row.items()
    }


def mapping_desk_router(store: ResourceStore, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["exams"])

    @router.get("/exams/unmapped", summary="Names that were not understood, most frequent first.")
    def names(
        request: Request,
        organization: str | None = None,
        count: Annotated[int, Query(alias="_count", ge=1, le=MOST)] = 100,
    ) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "codes")
        return JSONResponse(desk(store, caller, organization, count))

    @router.get("/exams/codes", summary="The code map of an organization.")
    def codes(request: Request, organization: str | None = None) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "codes")
        return JSONResponse({"items": lines_held(store.side_rows, _one(caller, organization))})

    @router.post("/exams/codes", summary="Say what a code or a name means.")
    async def add(request: Request, organization: str | None = None) -> JSONResponse:
        caller = caller_of(request)
        gate.check_action(caller, "codes")
        owner = _one(caller, organization)
        line = read_line(await _body(request))
        lines = await asyncio.wrap_future(store.act(lambda view: add_line(view, owner, line), caller))
        return JSONResponse({"map": f"ConceptMap/{list_id(owner)}", "lines": lines}, status_code=201)

    return router


def _one(caller: Caller, organization: str | None) -> str:
    asked = whose(caller, organization)
    if asked is None:
        raise Incorrect("Whose map?", where="organization", remedy="Say ?organization=ID.", http_status=400)
    return asked


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise Incorrect(
                "The body is too large.", where="body", remedy=f"At most {MOST_BYTES} bytes.", http_status=413
            )
    return bytes(content)
