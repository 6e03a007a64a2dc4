"""A hub that keeps submissions in memory: keys bind on success as the store binds them, so that the way of a message
through the door can be shown without a disk."""

from concurrent.futures import Future
from datetime import UTC, datetime

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Conflict
from hub.contracts.far_end import FarEnd
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Receipt, Submission


class MemoryHub:
    """``hub.contracts.hub_client.HubClient``. ``failure`` is what the next submissions fail with, ``broken_quarantine``
    what quarantine fails with."""

    def __init__(self) -> None:
        self.facilities = {
            "QS001": Caller("qingshan", Role.CLINIC, "qingshan"),
            "BH001": Caller("baihe", Role.CLINIC, "baihe"),
        }
        self.stored: list[Submission] = []
        self.quarantined: list[tuple[Refusal, Caller]] = []
        self.events: list[str] = []
        self.failure: Exception | None = None
        self.broken_quarantine: Exception | None = None
        self._bound: dict[tuple[str, str | None], tuple[bytes, Receipt]] = {}

    def submit(self, submission: Submission) -> "Future[Receipt]":
        done: Future[Receipt] = Future()
        try:
            done.set_result(self._accept(submission))
        except Exception as failure:
            done.set_exception(failure)
        return done

    def _accept(self, submission: Submission) -> Receipt:
        if self.failure is not None:
            raise self.failure
        origin = submission.origin
        key = (origin.caller.client, origin.key)
        if key in self._bound:
            known, receipt = self._bound[key]
            if known != origin.key_hash:
                raise Conflict("This key was used with another body.", where="Key", issue_code="duplicate")
            return receipt
        receipt = Receipt(f"s{len(self.stored)}", datetime(2026, 11, 22, 4, 0, tzinfo=UTC).isoformat())
        self.stored.append(submission)
        self._bound[key] = (origin.key_hash, receipt)
        return receipt

    def quarantine(self, refusal: Refusal, caller: Caller) -> str:
        if self.broken_quarantine is not None:
            raise self.broken_quarantine
        self.quarantined.append((refusal, caller))
        return f"q{len(self.quarantined)}"

    def caller_by_facility(self, facility: str, far_end: FarEnd | None = None) -> Caller | None:
        return self.facilities.get(facility)

    def caller_by_ae_title(self, ae_title: str, far_end: FarEnd) -> Caller | None:
        return None

    def destination_of_ae_title(self, ae_title: str) -> tuple[str, int] | None:
        return None

    def security_event(self, kind: str, detail: str) -> None:
        self.events.append(kind)
