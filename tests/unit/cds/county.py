"""A small county for the tests of the duplicate check: the real store and reactions, the real router, no network."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from hub.cds.checking import Checker
from hub.cds.following import FollowingReaction
from hub.cds.judging import Judging
from hub.cds.outside import Outside
from hub.cds.router import cds_router
from hub.cds.tables import CDS_TABLES
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import ExchangeError
from hub.contracts.outside import OutsideSource
from hub.contracts.store import Stored
from hub.contracts.submission import Channel, Entry, Method, Origin, Receipt, Submission
from hub.exams.reaction import ExamsReaction
from hub.fhir.outcome import operation_outcome
from hub.identity.persons import SqlPersons
from hub.identity.reaction import IdentityReaction
from hub.security.links import Links
from hub.security.policy import Policy
from hub.security.study_pass import StudyPasses
from hub.security.tables import SECURITY_TABLES
from hub.store.sqlite import SqliteResourceStore
from hub.web.view import view_router

SIGN = "/cds-services/duplicate-examination-sign"
SELECT = "/cds-services/duplicate-examination-select"


def resident_number(serial: int = 1) -> str:
    """A valid resident number of the region that does not exist."""
    body = f"99010119800101{serial:03d}"
    weights = [2 ** (17 - at) % 11 for at in range(17)]
    check = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11
    return body + "10X98765432"[check]


class NoAudit:
    """Counts what was noted; the trail itself is tested in its own room."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, tuple[str, ...]]] = []

    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Sequence[str]) -> None:
        self.noted.append((caller.actor or "", interaction, tuple(patients)))


class County:
    """One store with a township clinic and a county hospital."""

    def __init__(self, folder: Path, *outside: OutsideSource) -> None:
        self.store = SqliteResourceStore(
            folder,
            reactions=[IdentityReaction(), ExamsReaction(), FollowingReaction()],
            side_tables=[CDS_TABLES, SECURITY_TABLES],
        )
        self.audit = NoAudit()
        self.physician = Caller("hospital-his", Role.PHYSICIAN, "hospital")
        self.persons = SqlPersons(self.store)
        self.checker = Checker(self.store, self.persons, budget_seconds=60)
        self.links = Links(self.store, lambda name: self.physician if name == self.physician.client else None)
        app = FastAPI()
        judging = Judging(self.store, Policy(), self.persons, self.audit, Outside(outside), checker=self.checker)
        app.include_router(cds_router(self.store, Policy(), self.audit, judging, self.links))
        passes = StudyPasses(self.store, lambda name: self.physician if name == self.physician.client else None)
        app.include_router(view_router(self.store, Policy(), self.audit, self.links.opened, passes.cookie))

        @app.exception_handler(ExchangeError)
        async def told(_: Request, error: ExchangeError) -> JSONResponse:
            return JSONResponse(json.loads(operation_outcome(error)), error.http_status)

        async def with_caller(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                scope.setdefault("state", {})["caller"] = self.physician
            await app(scope, receive, send)

        self.app = with_caller

    def close(self) -> None:
        self.store.close()

    def http(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request through the ASGI application."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def send(self, *resources: dict[str, Any], organization: str = "clinic", role: Role = Role.CLINIC) -> Receipt:
        """One transaction of PUTs, under the ids that the resources state."""
        entries = tuple(
            Entry(Method.UPDATE, each["resourceType"], json.dumps(each).encode(), id=each["id"]) for each in resources
        )
        caller = Caller(f"{organization}-feed", role, organization)
        submission = Submission(entries, Origin(caller, Channel.FHIR, datetime.now(UTC)))
        return self.store.submit(self.store.prepare(submission)).result(10)

    def read(self, resource_type: str, resource_id: str) -> dict[str, Any]:
        stored: Stored = self.store.read(resource_type, resource_id, EVERYTHING)
        found: dict[str, Any] = json.loads(stored.body)
        return found

    def sign(self, *drafts: dict[str, Any], patient: str = "p1", path: str = SIGN, **context: Any) -> Any:
        """The answer to an order-sign (or another) call."""
        return self.http("POST", path, json=call(*drafts, patient=patient, path=path, **context))

    def cards(self, *drafts: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        answer = self.sign(*drafts, **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["cards"]
        return found


def call(*drafts: dict[str, Any], patient: str = "p1", path: str = SIGN, **context: Any) -> dict[str, Any]:
    entries = [{"resource": draft} for draft in drafts]
    return {
        "hook": "order-select" if path == SELECT else "order-sign",
        "hookInstance": str(uuid.uuid4()),
        "context": {
            "userId": "Practitioner/zhang",
            "patientId": patient,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries},
            **context,
        },
    }


def ago(**much: float) -> str:
    return (datetime.now(UTC) - timedelta(**much)).isoformat()


def patient(number: str = "p1", serial: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": number,
        "identifier": [{"system": RESIDENT_ID, "value": resident_number(serial)}],
        "name": [{"text": "测试甲"}],
        "birthDate": "1980-01-01",
        **more,
    }


def report(number: str, name: str, *, who: str = "p1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": number,
        "status": "final",
        "code": {"text": name},
        "subject": {"reference": f"Patient/{who}"},
        "effectiveDateTime": ago(days=5),
        **more,
    }


def order(number: str, name: str, *, who: str = "p1", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": number,
        "status": "draft",
        "intent": "order",
        "code": {"text": name},
        "subject": {"reference": f"Patient/{who}"},
        **more,
    }


def organization(number: str, name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", "id": number, "name": name, **more}
