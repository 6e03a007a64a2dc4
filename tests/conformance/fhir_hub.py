"""The FHIR and the other HTTP doors over a real store, without sockets: what the conformance tests speak to."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from hub.api.asgi import BodyBudget, Receive, Scope, Send
from hub.api.fhir.app import FhirApp
from hub.api.fhir.identity import IDENTITY_OPERATIONS
from hub.api.fhir.ingester import FhirIngester
from hub.api.fhir.operation import Operations
from hub.api.fhir.person import PersonType
from hub.api.fhir.regional import RegionalPatients
from hub.api.fhir.review_tasks import ReviewTasks
from hub.api.fhir.rooms import Rooms
from hub.api.fhir.supersede import supersede_operation
from hub.api.rest.health import health_router
from hub.api.rest.ingest import ingest_router
from hub.api.rest.problems import add_problem_handlers
from hub.api.rest.quarantine import quarantine_router
from hub.api.rest.reviews import reviews_router
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import Caller, Role
from hub.contracts.ingest import Ingester
from hub.contracts.store import CommitView
from hub.contracts.submission import Channel
from hub.identity.desk import Desk
from hub.identity.linkage import LinkageReaction
from hub.identity.persons import SqlPersons
from hub.identity.reaction import IdentityReaction
from hub.identity.regional import RegionalReaction
from hub.intake.accept import Intake
from hub.intake.originals import OriginalsReaction
from hub.intake.quarantine import TABLES, SqlQuarantine
from hub.intake.reconciling import Reconciling
from hub.intake.replay import Replay
from hub.security.policy import Policy
from hub.store.sqlite import SqliteResourceStore
from hub.web.identity import identity_pages

CALLERS = {
    "qingshan": Caller("qingshan", Role.CLINIC, "org-qingshan"),
    "baihe": Caller("baihe", Role.CLINIC, "org-baihe"),
    "feed": Caller("feed", Role.PLATFORM, "org-feed"),
    "hospital": Caller("hospital", Role.PHYSICIAN, "org-county", actor="Practitioner/li"),
    "centre": Caller("centre", Role.READER, "org-centre"),
    "operator": Caller("operator", Role.ADMIN, "org-it"),
    "auditor": Caller("auditor", Role.AUDITOR, "org-it"),
}
LIMIT_BYTES = 8 << 20
FHIR_JSON = "application/fhir+json"


class NotedReads:
    """A ``ReadAudit`` that remembers what it was told."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str, tuple[str, ...]]] = []

    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Sequence[str]) -> None:
        self.noted.append((caller.client, interaction, resource_type, tuple(patients)))


class TakenCopies:
    """A ``Reconciler`` that remembers which copies it was to put in the place of the first."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str, str, str]] = []

    def take_new(self, content: bytes, sender: Caller, decider: Caller, reason: str) -> None:
        self.taken.append((content, sender.client, decider.client, reason))


class FhirHub:
    """``ask`` sends one request as one of ``CALLERS``."""

    def __init__(self, folder: Path, ingesters: Mapping[Channel, Ingester] | None = None) -> None:
        self.store = SqliteResourceStore(
            folder,
            reactions=(RegionalReaction(), IdentityReaction(), LinkageReaction(self.readers), OriginalsReaction()),
            side_tables=(TABLES,),
        )
        self.blobs = FolderBlobStore(folder / "blobs")
        self.gate = Policy()
        self.reads = NotedReads()
        self.reconciler = TakenCopies()
        self.quarantine = SqlQuarantine(self.store, self.blobs)
        self.intake = Intake(self.store, self.gate, self.blobs)
        persons = SqlPersons(self.store)
        desk = Desk(self.store, self.readers)
        self.rooms = Rooms(
            self.store,
            self.intake,
            self.gate,
            self.reads,
            persons,
            self.quarantine,
            {
                "Person": PersonType(persons, self.store, self.gate, self.reads),
                "Patient": RegionalPatients(persons, self.store, self.gate, self.reads),
                "Task": ReviewTasks(desk, self.gate, self.reads),
            },
            Operations([*IDENTITY_OPERATIONS, supersede_operation(desk)]),
        )
        self._fhir = FhirApp(self.rooms, body_limit_bytes=LIMIT_BYTES)
        readers = {**(ingesters or {}), Channel.FHIR: FhirIngester(self.rooms)}
        rest = FastAPI(openapi_url=None)
        add_problem_handlers(rest)
        rest.include_router(health_router(list, version="1"))
        rest.include_router(
            quarantine_router(
                self.quarantine,
                Replay(self.quarantine, readers),
                self.gate,
                Reconciling(self.quarantine, self.reconciler),
            )
        )
        rest.include_router(ingest_router(readers, self.quarantine, self.gate, BodyBudget(LIMIT_BYTES)))
        rest.include_router(reviews_router(desk, self.gate, self.reads))
        rest.include_router(identity_pages(desk, self.gate, self.reads))
        self._rest = rest
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False), base_url="http://hub.test"
        )

    def readers(self, view: CommitView, patients: Sequence[str], since_us: int) -> list[tuple[str, str]]:
        """Who was shown which of these Patients, ever."""
        return sorted(
            {
                (CALLERS[client].organization, patient)
                for client, _, _, shown in self.reads.noted
                for patient in shown
                if patient in patients
            }
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = [value for name, value in scope["headers"] if name == b"x-caller"]
        if names:
            scope.setdefault("state", {})["caller"] = CALLERS[names[0].decode()]
        inner = self._fhir if scope["path"].startswith("/fhir") else self._rest
        await inner(scope, receive, send)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: str = "qingshan",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes | None) or hasattr(body, "__aiter__") else json.dumps(body).encode()
        sent = {"x-caller": caller, "accept": FHIR_JSON}
        if content is not None:
            sent["content-type"] = FHIR_JSON
        sent |= headers or {}
        url = path if path.startswith("/") else f"/fhir/{path}"
        return self._runner.run(self._client.request(method, url, content=content, headers=sent))

    def create(self, resource: dict[str, Any], *, caller: str = "qingshan") -> dict[str, Any]:
        answer = self.ask("POST", resource["resourceType"], resource, caller=caller)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def found(self, path: str, *, caller: str = "qingshan") -> list[str]:
        """References of the matches of a search."""
        answer = self.ask("GET", path, caller=caller)
        assert answer.status_code == 200, answer.text
        return [
            f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
            for entry in answer.json().get("entry", [])
            if entry["search"]["mode"] == "match"
        ]

    def together(self, *requests: tuple[str, str, Any, dict[str, str]]) -> list[httpx.Response]:
        """Several requests at once, as qingshan."""

        async def send() -> list[httpx.Response]:
            return await asyncio.gather(
                *(
                    self._client.request(
                        method,
                        f"/fhir/{path}",
                        content=json.dumps(body).encode(),
                        headers={"x-caller": "qingshan", "content-type": FHIR_JSON, **headers},
                    )
                    for method, path, body, headers in requests
                )
            )

        return self._runner.run(send())

    def close(self) -> None:
        self._runner.run(self._client.aclose())
        self._runner.close()
        self.store.close()


def issue(answer: httpx.Response) -> dict[str, Any]:
    """The first issue of an answer that must be an OperationOutcome."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", answer.text
    assert answer.headers["content-type"].startswith(FHIR_JSON)
    first: dict[str, Any] = outcome["issue"][0]
    assert first["severity"] in ("error", "fatal")
    assert first["diagnostics"]
    return first


async def many_bytes(total_bytes: int, chunk: bytes = b" " * 65536) -> AsyncIterator[bytes]:
    for _ in range(total_bytes // len(chunk)):
        yield chunk


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"text": "张三丰"}], **elements}


def observation(subject: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": subject},
        "effectiveDateTime": "2026-03-01T08:00:00+08:00",
        "valueQuantity": {"value": 72, "unit": "/min"},
        **elements,
    }


def transaction(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url}}
    if resource is not None:
        made["resource"] = resource
    for name, value in more.items():
        if name == "fullUrl":
            made[name] = value
        else:
            made["request"][name] = value
    return made
