"""``GET /figures/duplicates``: what came of the reminders, as JSON or CSV. Nothing of a patient.

A clinic and a physician see their own organization's figures; an admin, an auditor and a reading centre the county's,
or one organization's (``organization=``), with small groups pooled.
"""

import asyncio
import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError, Incorrect, TooLarge, Unauthenticated
from hub.contracts.gate import Gate
from hub.contracts.persons import Persons
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader, ResourceWriter

from .figures_reading import Period, as_csv, told
from .muting import decide, read_decision

USUAL_DAYS = 90
MOST_DAYS = 400
MOST_BYTES = 16 * 1024
_COUNTY = frozenset({Role.ADMIN, Role.AUDITOR, Role.READER})


class DuplicateFigures:
    """Reads the figures for a caller. ``now`` is handed in by tests."""

    def __init__(
        self,
        store: ResourceReader,
        gate: Gate,
        persons: Persons,
        now: Callable[[], datetime] = lambda: datetime.now(ZONE),
    ) -> None:
        self._store = store
        self._gate = gate
        self._persons = persons
        self._now = now
        self._one_at_a_time = threading.Lock()

    def __call__(self, caller: Caller, first: str, last: str, organization: str | None) -> dict[str, Any]:
        """Raises Forbidden, Incorrect (400)."""
        self._gate.check_action(caller, "figures")
        now = self._now()
        period = _period(first, last, now.astimezone(ZONE).date())
        county = caller.role in _COUNTY
        with self._one_at_a_time:  # signings in the same process must not wait for several of them
            return told(
                self._store.side_rows,
                period,
                int(now.timestamp() * 1_000_000),
                (organization or None) if county else caller.organization,
                open_book=not county,
                person_of=self._persons.person_of,
                name_of=lambda one: self._name(one, caller),
            )

    def _name(self, organization: str, caller: Caller) -> str:
        try:
            body = self._store.read("Organization", organization, self._gate.scope(caller)).body
        except ExchangeError:
            return organization
        return str(msgspec.json.decode(body).get("name") or organization)


def _period(first: str, last: str, today: date) -> Period:
    end = _day(last, "to") or today
    begin = _day(first, "from") or end - timedelta(days=USUAL_DAYS - 1)
    if begin > end or (end - begin).days >= MOST_DAYS:
        raise Incorrect(
            "The period is empty or too long.", where="from", remedy=f"Ask for 1 to {MOST_DAYS} days.", http_status=400
        )
    return Period(begin, end)


def _day(text: str, where: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Incorrect("This is no date.", where=where, remedy="Write 2026-11-01.", http_status=400) from None


def _caller_of(request: Request) -> Caller:
    caller = request.scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("No client is known for this request.", remedy="Send Authorization: Bearer TOKEN.")
    return caller


def figures_router(figures: DuplicateFigures, store: ResourceWriter, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["figures"])

    @router.post("/figures/duplicates/muted")
    async def decide_on(request: Request) -> Response:
        """What a committee decided on one rule; the last decision holds, from the next signing on."""
        caller = _caller_of(request)
        gate.check_action(caller, "operations")
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                raise TooLarge("The decision is too large.", remedy=f"Send at most {MOST_BYTES} bytes.")
        decision = read_decision(bytes(content))
        await asyncio.wrap_future(store.act(lambda view: decide(view, decision, caller.actor or caller.client), caller))
        return Response(msgspec.json.encode(decision), media_type="application/json")

    @router.get("/figures/duplicates")
    def duplicates(
        request: Request,
        first: Annotated[str, Query(alias="from")] = "",
        last: Annotated[str, Query(alias="to")] = "",
        organization: str | None = None,
        form: Annotated[str, Query(alias="_format")] = "",
    ) -> Response:
        caller = _caller_of(request)
        content = figures(caller, first, last, organization)
        headers = {"Cache-Control": "no-store"}
        if form == "csv" or (not form and "text/csv" in request.headers.get("accept", "")):
            headers["Content-Disposition"] = f'attachment; filename="duplicates-{content["from"]}-{content["to"]}.csv"'
            return Response(as_csv(content), media_type="text/csv; charset=utf-8", headers=headers)
        return Response(msgspec.json.encode(content), media_type="application/json", headers=headers)

    return router
