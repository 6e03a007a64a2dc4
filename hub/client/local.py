"""``HubClient`` inside the hub's own process."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from hub.contracts.archives import Archives, DistantArchive
from hub.contracts.caller import Caller
from hub.contracts.far_end import FarEnd
from hub.contracts.quarantine import Quarantine, Refusal
from hub.contracts.submission import Receipt, Submission
from hub.contracts.worklist import OrderedPatient, Orders, ScheduledOrder


class Accepting(Protocol):
    """``hub.intake.accept.Intake``."""

    def accept(self, submission: Submission) -> "Future[Receipt]": ...


class Clients(Protocol):
    """The registry of clients and the count of refusals (``hub.security``)."""

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None: ...

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None: ...

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None: ...

    def security_event(self, kind: str, detail: str) -> None: ...


class LocalHubClient:
    """``hub.contracts.hub_client.HubClient`` by direct calls. Any thread."""

    def __init__(
        self,
        intake: Accepting,
        quarantine: Quarantine,
        clients: Clients,
        orders: Orders,
        needs_bytes: Callable[[str], bool],
        archives: Archives,
    ) -> None:
        self._orders = orders
        self._needs_bytes = needs_bytes
        self._archives = archives
        self._intake = intake
        self._quarantine = quarantine
        self._clients = clients

    def submit(self, submission: Submission) -> "Future[Receipt]":
        return self._intake.accept(submission)

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        return self._quarantine.keep(refusal, caller)

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        return self._clients.caller_by_facility(facility, far_end)

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        return self._clients.caller_by_ae_title(ae_title, far_end)

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        return self._clients.destination_of_ae_title(ae_title)

    def archives(self) -> Sequence[DistantArchive]:
        return self._archives.archives()

    def scheduled_orders(self, caller: Caller, *, others: bool = False) -> Sequence[ScheduledOrder]:
        return self._orders.scheduled(caller, others=others)

    def order_of_accession(self, caller: Caller, accession_number: str) -> ScheduledOrder | None:
        return self._orders.order_of(caller, accession_number)

    def imaging_study(self, caller: Caller, study_uid: str) -> dict[str, Any] | None:
        return self._orders.imaging_study(caller, study_uid)

    def patient_of(self, caller: Caller, patient_id: str) -> OrderedPatient | None:
        return self._orders.patient_of(caller, patient_id)

    def needs_bytes(self, sha256: str) -> bool:
        return self._needs_bytes(sha256)

    def security_event(self, kind: str, detail: str) -> None:
        self._clients.security_event(kind, detail)
