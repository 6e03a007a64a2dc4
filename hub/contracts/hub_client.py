"""How a satellite (an adapter, the DICOM gateway) reaches the hub."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from .archives import DistantArchive
from .caller import Caller
from .far_end import FarEnd
from .quarantine import Refusal
from .submission import Receipt, Submission
from .worklist import OrderedPatient, ScheduledOrder


class HubClient(Protocol):
    """In process when embedded, over HTTP when apart. Everything here may be called from any thread."""

    def submit(self, submission: Submission) -> "Future[Receipt]":
        """``intake.accept``: resolves after the commit; fails with an ExchangeError."""
        ...

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        """Durable; returns the quarantine id."""
        ...

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        """The client registered for this MSH-4 (first component), if it may come from there; None asks nothing of
        where."""
        ...

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        """The client registered for this calling AE title, if it may come from there."""
        ...

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        """Host and port where C-MOVE and storage commitment reports for this AE title go."""
        ...

    def archives(self) -> Sequence[DistantArchive]:
        """``Archives.archives``: the distant archives registered now."""
        ...

    def scheduled_orders(self, caller: Caller, *, others: bool = False) -> Sequence[ScheduledOrder]:
        """``Orders.scheduled``: what is on the worklist of the caller's organization now."""
        ...

    def order_of_accession(self, caller: Caller, accession_number: str) -> ScheduledOrder | None:
        """``Orders.order_of``."""
        ...

    def imaging_study(self, caller: Caller, study_uid: str) -> dict[str, Any] | None:
        """``Orders.imaging_study``."""
        ...

    def patient_of(self, caller: Caller, patient_id: str) -> OrderedPatient | None:
        """``Orders.patient_of``."""
        ...

    def needs_bytes(self, sha256: str) -> bool:
        """Whether the hub keeps the bytes of this SHA-256 (hex) for a purpose of its own: quarantine, an original."""
        ...

    def security_event(self, kind: str, detail: str) -> None:
        """Count something refused at a door (unknown facility, unknown AE title). No patient data."""
        ...
