"""The status page: what came in, what waits, what went out, each with a link to it.

It shows what the signed-in client may read and nothing else: every list is a search in the client's own scope.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from hub.contracts.caller import Caller, Scope
from hub.contracts.codes import IMAGES_AFTER_REPORT
from hub.contracts.errors import ExchangeError
from hub.contracts.gate import Gate
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceStore, Stored
from hub.fhir import search

from .pages import TEMPLATES, page
from .study import has_pictures, uid_of, whereabouts

COUNTED = (
    ("Patient", "患者档案"), ("Encounter", "就诊"), ("Observation", "检验与体征"),
    ("DiagnosticReport", "报告"), ("ImagingStudy", "影像与心电"), ("ServiceRequest", "申请"), ("Task", "任务"),
    ("DetectedIssue", "重复提醒"), ("DocumentReference", "文档"),
)  # fmt: skip
ROWS = 50

Listing = Callable[[Caller], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Listings:
    """What other rooms show on the page, each for the caller alone."""

    quarantine: Listing
    deliveries: Listing
    reminders: Listing
    archives: Listing
    routes: Listing
    search_index: Callable[[Caller], Mapping[str, Any] | None] = lambda caller: None
    """How the search index does; None where there is none, or it is not the caller's to know."""
    storage: Listing = lambda caller: ()
    """What each organization keeps, and what it may keep."""


def status_router(
    store: ResourceStore, gate: Gate, listings: Listings, version: str, trusted_network: str | None = None
) -> APIRouter:
    """``GET /`` (the page) and ``GET /style.css``. Needs a signed-in caller in ``scope["state"]``."""
    router = APIRouter(include_in_schema=False)
    style = (TEMPLATES / "style.css").read_bytes()

    @router.get("/")
    def status(request: Request) -> Response:
        caller: Caller = request.scope["state"]["caller"]
        scope = gate.scope(caller)
        return page(
            "status.html",
            caller=caller,
            version=version,
            now=datetime.now(ZONE),
            counts=[(name, zh, total) for name, zh in COUNTED if (total := _count(store, scope, name)) is not None],
            tasks=_list(store, scope, "Task", [("code", "read-study"), ("_sort", "-_lastUpdated")]),
            late=_list(store, scope, "Task", [("code", IMAGES_AFTER_REPORT), ("status", "requested")]),
            late_tag=IMAGES_AFTER_REPORT,
            reports=_list(store, scope, "DiagnosticReport", [("_sort", "-_lastUpdated")]),
            studies=_list(store, scope, "ImagingStudy", [("_sort", "-_lastUpdated")]),
            issues=_list(store, scope, "DetectedIssue", [("_sort", "-_lastUpdated")]),
            trusted_network=trusted_network,
            deliveries=listings.deliveries(caller),
            reminders=listings.reminders(caller),
            archives=listings.archives(caller),
            routes=listings.routes(caller),
            endpoints={one["id"]: one["status"] for one in _list(store, scope, "Endpoint", []) or ()},
            quarantine=listings.quarantine(caller),
            search_index=listings.search_index(caller),
            storage=listings.storage(caller),
        )

    @router.get("/style.css")
    def stylesheet() -> Response:
        return Response(style, media_type="text/css; charset=utf-8")

    return router


def _query(resource_type: str, pairs: Sequence[tuple[str, str]]) -> Any:
    return search.parse(resource_type, pairs, lenient=False)


def _count(store: ResourceStore, scope: Scope, resource_type: str) -> int | None:
    if not scope.sees_type(resource_type):
        return None
    return store.search(_query(resource_type, [("_summary", "count")]), scope).total


def _list(
    store: ResourceStore, scope: Scope, resource_type: str, pairs: Sequence[tuple[str, str]]
) -> list[dict[str, Any]] | None:
    """None where the list cannot be had in time: the page then says so, and does not show an empty one."""
    if not scope.sees_type(resource_type):
        return []
    try:
        page = store.search(_query(resource_type, [*pairs, ("_count", str(ROWS))]), scope)
    except ExchangeError:
        return None
    return [_shown(found) for found in page.matches]


def _shown(found: Stored) -> dict[str, Any]:
    resource: dict[str, Any] = msgspec.json.decode(found.body)
    resource["_owner"] = found.owner
    resource["_time"] = _local(found.last_updated)
    if found.type == "ImagingStudy":
        resource["_archive"], resource["_availability"] = whereabouts(resource)
        resource["_images"] = uid_of(resource) if has_pictures(resource) else ""
    return resource


def _local(instant: str) -> str:
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(ZONE).strftime("%m-%d %H:%M:%S")
