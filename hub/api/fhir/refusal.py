"""Refusals as answers: an OperationOutcome under the status of the error's category."""

import traceback
import uuid
from collections.abc import Sequence
from pathlib import Path

from hub.contracts.errors import Busy, ExchangeError, Fault, Incorrect
from hub.fhir.outcome import Issue, operation_outcome
from hub.telemetry import events

from .exchange import Headers, Response

FAILED = events.declare(
    "http.failed",
    "error",
    ("event_id", "method", "error", "at"),
    "A request met a fault of the hub itself; the client was told the event_id.",
)


class MethodNotAllowed(Incorrect):
    """405; ``allowed`` stands in the Allow header."""

    http_status = 405
    issue_code = "not-supported"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__("This method is not allowed here.", remedy=f"Use {' or '.join(allowed)}.")
        self.allowed = ", ".join(allowed)


def refusal(error: ExchangeError) -> Response:
    """With Retry-After where it should come again, Allow where the method was wrong, and the quarantine id where it was
    kept."""
    headers: Headers = []
    if isinstance(error, Busy):
        headers.append((b"retry-after", b"%d" % error.retry_after_seconds))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", error.allowed.encode("ascii")))
    issues: list[Issue | ExchangeError] = [error]
    if error.quarantine_id:
        kept = f"Kept as quarantine item {error.quarantine_id}; see GET /quarantine/{error.quarantine_id}."
        issues.append(Issue("information", "informational", kept))
    return Response(error.http_status, operation_outcome(issues), headers=headers)


def fault(error: Exception, method: str) -> Fault:
    """A fault that names only an event id; where in the code it happened stands in the log, what was sent does not."""
    event_id = uuid.uuid4().hex[:12]
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    at = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    FAILED.log(event_id=event_id, method=method, error=type(error).__name__, at=at)
    return Fault(f"The hub failed (event {event_id}).", remedy="Tell the operator of the hub this event.")
