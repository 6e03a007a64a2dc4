"""The HTTP application of a worker: the security door around everything, plain ASGI for FHIR and DICOMweb, FastAPI for
the rest."""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, FastAPI

from adapters.ecg.ingest import EcgIngest
from adapters.hl7v2.ingest import Hl7v2Ingest
from dicom_gateway.corrections.reconciliation import Reconciliation
from dicom_gateway.distant.status import archives_status
from dicom_gateway.ingest import DicomIngest
from dicom_gateway.routing.status import routes_status
from dicom_gateway.web.app import DicomWebApp
from hub.api.asgi import App, BodyBudget, Message, Receive, Scope, Send
from hub.api.fhir.app import FhirApp
from hub.api.fhir.check_duplicate import check_duplicate
from hub.api.fhir.identity import IDENTITY_OPERATIONS
from hub.api.fhir.ingester import FhirIngester
from hub.api.fhir.operation import Operations
from hub.api.fhir.person import PersonType
from hub.api.fhir.regional import RegionalPatients
from hub.api.fhir.review_tasks import ReviewTasks
from hub.api.fhir.rooms import Rooms
from hub.api.fhir.supersede import supersede_operation
from hub.api.rest.activity import activity_router
from hub.api.rest.health import health_router
from hub.api.rest.imaging import imaging_router
from hub.api.rest.ingest import ingest_router
from hub.api.rest.mapping_desk import desk as mapping_desk
from hub.api.rest.mapping_desk import mapping_desk_router
from hub.api.rest.problems import add_problem_handlers
from hub.api.rest.quarantine import quarantine_router
from hub.api.rest.reviews import reviews_router
from hub.cds.check_operation import CheckOperation
from hub.cds.checking import Checker
from hub.cds.figures_router import DuplicateFigures, figures_router
from hub.cds.judging import Judging
from hub.cds.outside import HttpOutsideSource, Outside
from hub.cds.reminders import latest_reminders
from hub.cds.router import cds_router
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.contracts.ingest import Ingester
from hub.contracts.submission import Channel
from hub.delivery import outbox
from hub.delivery.router import delivery_router
from hub.identity.desk import Desk
from hub.intake.reconciling import Reconciling
from hub.intake.replay import Replay
from hub.search.state import degraded
from hub.security.audit import readers_since
from hub.security.audit_view import AuditEventView
from hub.security.cors import Cors
from hub.security.door import Door
from hub.security.sign_in import SignIn
from hub.web.figures import figures_pages
from hub.web.identity import identity_pages
from hub.web.images import images_pages
from hub.web.ordering import ordering_router
from hub.web.reading import reading_router
from hub.web.status import Listing, Listings, status_router
from hub.web.view import view_router
from hub.web.viewer import viewer_router

from .images_desk import PartsImagesDesk
from .parts import Parts
from .storage import shown
from .tallies import TALLIES

LATEST = 30
NAMES_ON_PAGE = 200
KNOW_HEAD = frozenset({"fhir", "sign-in"})
"""Mounts that answer HEAD themselves."""


class Mounts:
    """Sends a request to the application its path begins with; everything else to the last. An application that knows
    no HEAD is asked by GET, and its answer sent without content (RFC 9110 9.3.2)."""

    def __init__(self, mounts: Mapping[str, App], rest: App) -> None:
        self._mounts = {prefix.strip("/"): app for prefix, app in mounts.items()}
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/", 2)[1] if scope["type"] == "http" else ""
        app = self._mounts.get(first, self._rest)
        if scope["type"] == "http" and scope["method"] == "HEAD" and first not in KNOW_HEAD:
            scope, send = {**scope, "method": "GET"}, _without_content(send)
        await app(scope, receive, send)


def _without_content(send: Send) -> Send:
    async def head_only(message: Message) -> None:
        if message["type"] == "http.response.body":
            if message.get("more_body", False):
                return
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return head_only


def http_application(parts: Parts) -> App:
    """Everything behind the HTTP door."""
    version = importlib.metadata.version("regional-health-hub")
    settings = parts.settings
    sources = [HttpOutsideSource(one.name, one.url, one.token) for one in settings.outside.values()]
    checker = Checker(parts.store, parts.persons, budget_seconds=settings.duplicates.budget_seconds)
    judging = Judging(parts.store, parts.policy, parts.persons, parts.audit, Outside(sources), checker=checker)
    outside = settings.http.base_url and settings.http.base_url.rstrip("/")
    people = PersonType(parts.persons, parts.store, parts.policy, parts.audit)
    desk = Desk(parts.store, readers_since)
    regional = RegionalPatients(parts.persons, parts.store, parts.policy, parts.audit)
    trail = AuditEventView(parts.store, parts.policy, parts.audit, same_records=parts.persons.sources)
    rooms = Rooms(
        store=parts.store,
        intake=parts.intake,
        gate=parts.policy,
        audit=parts.audit,
        searches=parts.searches,
        persons=parts.persons,
        quarantine=parts.quarantine,
        virtual={
            "Person": people,
            "Patient": regional,
            "Task": ReviewTasks(desk, parts.policy, parts.audit),
            "AuditEvent": trail,
        },
        operations=Operations(
            [*IDENTITY_OPERATIONS, supersede_operation(desk), check_duplicate(CheckOperation(judging))]
        ),
    )
    ingesters: dict[Channel, Ingester] = {
        Channel.FHIR: FhirIngester(rooms),
        Channel.HL7V2: Hl7v2Ingest(parts.hub_client),
        Channel.ECG: EcgIngest(parts.hub_client, parts.instances),
        Channel.DICOM: DicomIngest(parts.instances),
    }
    reconciling = Reconciling(parts.quarantine, Reconciliation(parts.archive))
    budget = BodyBudget(settings.http.body_limit_bytes)
    figures = DuplicateFigures(parts.store, parts.policy, parts.persons)
    rest = _application(
        version,
        health_router(lambda: _problems(parts), version=version, degraded=lambda: _degraded(parts)),
        quarantine_router(
            parts.quarantine,
            Replay(parts.quarantine, ingesters),
            parts.policy,
            reconciling,
        ),
        ingest_router(
            {c: i for c, i in ingesters.items() if c not in (Channel.FHIR, Channel.DICOM)},
            parts.quarantine,
            parts.policy,
            budget,
        ),
        delivery_router(parts.store, parts.policy),
        imaging_router(lambda: archives_status(parts.archive), lambda: routes_status(parts.archive), parts.policy),
        reviews_router(desk, parts.policy, parts.audit),
        identity_pages(desk, parts.policy, parts.audit),
        images_pages(PartsImagesDesk(parts), reconciling, _to_reconcile(parts), parts.policy, parts.audit),
        mapping_desk_router(parts.store, parts.policy),
        figures_router(figures, parts.store, parts.policy),
        activity_router(parts.searches, parts.policy, TALLIES),
        figures_pages(
            parts.policy, figures, lambda caller, whose: mapping_desk(parts.store, caller, whose, NAMES_ON_PAGE)
        ),
        reading_router(parts.store, parts.policy, parts.audit, parts.intake.accept),
        ordering_router(parts.store, parts.policy, parts.audit),
        view_router(parts.store, parts.policy, parts.audit, parts.links.opened, parts.study_passes.cookie),
        viewer_router(parts.policy, lambda: parts.viewer.release),
        status_router(
            parts.store,
            parts.policy,
            Listings(
                _quarantined(parts),
                _deliveries(parts),
                _reminders(parts),
                _archives(parts),
                _routes(parts),
                _search_index(parts),
                lambda caller: shown(parts, caller),
            ),
            version,
            settings.trusted_network,
        ),
    )
    # A signing waits for nobody else's routes to be tried.
    cds = _application(
        version, cds_router(parts.store, parts.policy, parts.audit, judging, parts.links, base_url=outside)
    )
    mounts: dict[str, App] = {
        "fhir": FhirApp(
            rooms, base_url=f"{outside}/fhir" if outside else None, body_limit_bytes=settings.http.body_limit_bytes
        ),
        "dicom-web": DicomWebApp(parts.archive, parts.policy, parts.audit, parts.hub_client, prefix="/dicom-web"),
        "cds-services": cds,
        "sign-in": SignIn(parts.sessions, secure=settings.http.tls),
    }
    door = Door(
        Mounts(mounts, rest),
        parts.clients,
        sessions=parts.sessions,
        signed=parts.signed,
        passes=parts.study_passes,
        base_url=outside,
        note=parts.security_events.note,
        denied=parts.audit.denied,
    )
    return Cors(door, settings.http.cors_origins)


def _application(version: str, *routers: APIRouter) -> FastAPI:
    made = FastAPI(title="Regional Health Hub", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    add_problem_handlers(made)
    for router in routers:
        made.include_router(router)
    return made


def _problems(parts: Parts) -> Sequence[str]:
    try:
        parts.store.last_sequence()
    except ExchangeError as failure:
        return [failure.what]
    return ()


def _degraded(parts: Parts) -> Sequence[str]:
    state = parts.index_state()
    return () if state is None else degraded(state)


def _quarantined(parts: Parts) -> Listing:
    return lambda caller: [asdict(item) for item in parts.quarantine.listed(caller, LATEST)]


def _to_reconcile(parts: Parts) -> Listing:
    return lambda caller: [asdict(one) for one in parts.quarantine.in_state("reconcile", caller, LATEST)]


def _deliveries(parts: Parts) -> Listing:
    """A clinic sees what goes to it, a reading centre and an admin all; there is nothing of any content in it."""

    def listing(caller: Caller) -> list[dict[str, Any]]:
        if caller.role in (Role.ADMIN, Role.READER):
            return outbox.listed(parts.store, None, LATEST)
        return outbox.listed(parts.store, None, LATEST, organization=caller.organization)

    return listing


def _archives(parts: Parts) -> Listing:
    return lambda caller: archives_status(parts.archive) if caller.role is Role.ADMIN else []


def _routes(parts: Parts) -> Listing:
    return lambda caller: routes_status(parts.archive) if caller.role is Role.ADMIN else []


def _reminders(parts: Parts) -> Listing:
    def listing(caller: Caller) -> list[dict[str, Any]]:
        if caller.role not in (Role.ADMIN, Role.READER, Role.PHYSICIAN):
            return []
        return latest_reminders(parts.store, LATEST)

    return listing


def _search_index(parts: Parts) -> Callable[[Caller], Mapping[str, Any] | None]:
    """For an admin alone."""

    def shown(caller: Caller) -> Mapping[str, Any] | None:
        state = parts.index_state() if caller.role is Role.ADMIN else None
        return None if state is None else {**asdict(state), "degraded": degraded(state)}

    return shown
