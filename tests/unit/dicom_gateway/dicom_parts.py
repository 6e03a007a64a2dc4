"""Stand-ins for what lies behind the gateway: a hub and an audit trail that record what they are told."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import httpx

from hub.contracts.archives import DistantArchive
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.contracts.far_end import FarEnd
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Outcome, Receipt, Submission
from hub.contracts.worklist import OrderedPatient, ScheduledOrder

QINGSHAN = Caller("qingshan", Role.CLINIC, "qingshan")
BAIHE = Caller("baihe", Role.CLINIC, "baihe")
CENTRE = Caller("centre", Role.READER, "centre")
OPERATOR = Caller("operator", Role.ADMIN, "county-it")

Ask = Callable[..., httpx.Response]
"""A request to DICOMweb, see the fixture ``ask``."""


class RecordingHub:
    """``HubClient`` that keeps what it is given; ``failures`` are raised first, one a submission."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self.refusals: list[tuple[Refusal, Caller]] = []
        self.events: list[str] = []
        self.failures: list[ExchangeError] = []
        self.places: dict[str, tuple[str, int]] = {}
        self.orders: dict[str, list[ScheduledOrder]] = {}
        self.far_ends: list[FarEnd] = []
        self.patients: dict[tuple[str, str], OrderedPatient] = {}
        self.needed: set[str] = set()
        self.imaging_studies: dict[tuple[str, str], dict[str, Any]] = {}
        self.distant: list[DistantArchive] = []
        self.titles: dict[str, Caller] = {"QINGSHAN": QINGSHAN, "BAIHE": BAIHE, "OPERATOR": OPERATOR}

    def submit(self, submission: Submission) -> "Future[Receipt]":
        future: Future[Receipt] = Future()
        if self.failures:
            future.set_exception(self.failures.pop(0))
            return future
        self.submissions.append(submission)
        outcomes = tuple(Outcome(e.type, f"{e.type.lower()}-1", 1, 201, "") for e in submission.entries)
        future.set_result(Receipt("s", "2026-11-22T00:00:00Z", outcomes))
        return future

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        self.refusals.append((refusal, caller))
        return str(len(self.refusals))

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        return None

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        self.far_ends.append(far_end)
        return self.titles.get(ae_title)

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        return self.places.get(ae_title)

    def archives(self) -> list[DistantArchive]:
        return self.distant

    def scheduled_orders(self, caller: Caller, *, others: bool = False) -> list[ScheduledOrder]:
        return [one for one in self.orders.get(caller.organization, []) if others or not one.why_not]

    def order_of_accession(self, caller: Caller, accession_number: str) -> ScheduledOrder | None:
        orders = self.orders.get(caller.organization, [])
        return next((one for one in orders if one.accession_number == accession_number), None)

    def imaging_study(self, caller: Caller, study_uid: str) -> dict[str, Any] | None:
        return self.imaging_studies.get((caller.organization, study_uid))

    def patient_of(self, caller: Caller, patient_id: str) -> OrderedPatient | None:
        return self.patients.get((caller.organization, patient_id))

    def needs_bytes(self, sha256: str) -> bool:
        return sha256 in self.needed

    def security_event(self, kind: str, detail: str) -> None:
        self.events.append(kind)


class RecordingAudit:
    def __init__(self) -> None:
        self.notes: list[tuple[str, str, tuple[str, ...]]] = []

    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Any) -> None:
        self.notes.append((caller.client, interaction, tuple(patients)))
