"""``GET /order``: a page that orders an examination and shows the card, as a physician's own system would.

It is a CDS client like any other: order-sign before the order is placed, feedback on the card, then the ServiceRequest.
For a signed-in physician; what it may do is what the session's client may do.
"""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Scope
from hub.contracts.errors import ExchangeError
from hub.contracts.gate import Gate
from hub.contracts.store import ResourceReader
from hub.fhir import search

from .pages import SECURITY_HEADERS, TEMPLATES, page

LISTED = 20
_SEXES = {"male": "男", "female": "女"}
_POLICY = SECURITY_HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"


def ordering_router(store: ResourceReader, gate: Gate, audit: ReadAudit) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    script = (TEMPLATES / "ordering.js").read_bytes()

    @router.get("/order")
    def ordering(request: Request) -> Response:
        caller: Caller = request.scope["state"]["caller"]
        gate.check_action(caller, "cds")
        scope = gate.scope(caller)
        number, asked = (request.query_params.get(name, "").strip() for name in ("patient", "q"))
        chosen = _read(store, scope, number) if number else None
        found = _found(store, scope, asked) if asked and chosen is None else []
        seen = [one["id"] for one in found] + ([chosen["id"]] if chosen is not None else [])
        if asked or number:
            audit.note(caller, "read" if chosen is not None else "search-type", "Patient", seen)
        answer = page("ordering.html", caller=caller, patient=chosen, found=found, asked=asked, missing=number)
        answer.headers["Content-Security-Policy"] = _POLICY
        return answer

    @router.get("/ordering.js")
    def code() -> Response:
        return Response(script, media_type="text/javascript; charset=utf-8", headers=SECURITY_HEADERS)

    return router


def _read(store: ResourceReader, scope: Scope, number: str) -> dict[str, Any] | None:
    try:
        return _shown(store.read("Patient", number, scope).body)
    except ExchangeError:
        return None


def _found(store: ResourceReader, scope: Scope, asked: str) -> list[dict[str, Any]]:
    """Patients by a number of theirs, else by name."""
    name = "identifier" if any(sign.isdigit() for sign in asked) else "name"
    try:
        query = search.parse("Patient", [(name, asked), ("_count", str(LISTED))], lenient=False)
        return [_shown(one.body) for one in store.search(query, scope).matches]
    except ExchangeError:
        return []


def _shown(body: bytes) -> dict[str, Any]:
    resource = msgspec.json.decode(body)
    names = resource.get("name") or [{}]
    spelt = names[0].get("text") or "".join([names[0].get("family", ""), *names[0].get("given", ())])
    sex = resource.get("gender", "")
    return {"id": resource["id"], "name": spelt, "sex": _SEXES.get(sex, sex), "birth": resource.get("birthDate", "")}
