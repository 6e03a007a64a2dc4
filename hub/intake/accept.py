"""``accept``: the only way by which anything is written on behalf of a sender."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from hub.contracts.blob_store import BlobStore
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import ExchangeError, NotFound
from hub.contracts.gate import Gate
from hub.contracts.store import ResourceStore, Stored
from hub.contracts.submission import Entry, Receipt, Submission
from hub.fhir.search import parse
from hub.telemetry import metrics

from .originals import INLINE_BYTES
from .owners import decide_owners

ACCEPTED = metrics.describe("hub_resources_accepted_total", "Resources acknowledged after their commit.")
REFUSED = metrics.describe("hub_submissions_refused_total", "Submissions refused, by category.")


Amend = Callable[[Entry, Caller], Entry]
"""What the hub puts into an entry for its sender, before it is validated; pure. Returns the entry itself otherwise."""


class Intake:
    """Decides the owners, binds the sender's rights to the commit, and hands over to the store. Any thread."""

    def __init__(
        self, store: ResourceStore, gate: Gate, blobs: BlobStore, amend: Amend = lambda entry, _caller: entry
    ) -> None:
        self._store = store
        self._gate = gate
        self._blobs = blobs
        self._amend = amend

    def accept(self, submission: Submission) -> "Future[Receipt]":
        """Resolves after the commit; fails with an ExchangeError, also for what is found before the commit.

        Parsing and validating happen in the calling thread (about 0.1 ms a resource)."""
        try:
            accepted = self._store.submit(self.prepare(submission))
        except ExchangeError as refusal:
            accepted = Future()
            accepted.set_exception(refusal)
        accepted.add_done_callback(partial(_counted, submission.origin.channel.value))
        return accepted

    def prepare(self, submission: Submission) -> Any:
        caller = submission.origin.caller
        original = submission.original
        if original is not None and len(original.content) > INLINE_BYTES:
            self._blobs.put(original.content)
        amended = tuple(self._amend(entry, caller) for entry in submission.entries)
        if any(one is not other for one, other in zip(amended, submission.entries, strict=True)):
            submission = replace(submission, entries=amended)
        return self._store.prepare(
            submission,
            owners=decide_owners(submission, StoredRecords(self._store)),
            check=partial(self._gate.check_write, caller),
            own_patients_only=caller.role is Role.CLINIC,
            scope=self._gate.scope(caller),
        )


class StoredRecords:
    """``owners.Records`` on the primary store."""

    def __init__(self, store: ResourceStore) -> None:
        self._store = store

    def owner_of(self, resource_type: str, resource_id: str) -> str | None:
        try:
            return self._store.read(resource_type, resource_id, EVERYTHING).owner
        except NotFound:
            return None
        except ExchangeError:  # deleted: nobody's patient any more
            return None

    def organization_with(self, condition: str) -> str | None:
        found = self._find("Organization", condition)
        return found[0].id if len(found) == 1 else None

    def owner_of_patient_with(self, condition: str) -> str | None:
        owners = {patient.owner for patient in self._find("Patient", condition)}
        return owners.pop() if len(owners) == 1 else None

    def owner_of_report_citing(self, reference: str) -> str | None:
        parameter = {"Observation": "result", "Specimen": "specimen", "Media": "media"}
        code = parameter.get(reference.partition("/")[0])
        if code is None:
            return None
        found = self._find("DiagnosticReport", f"{code}={reference}")
        return found[0].owner if found else None

    def _find(self, resource_type: str, condition: str) -> Sequence[Stored]:
        pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in condition.split("&"))]
        try:
            query = parse(resource_type, [*pairs, ("_count", "10")], lenient=False)
        except ExchangeError:
            return ()  # the store refuses the condition itself, with its reason
        return self._store.search(query, EVERYTHING).matches


def _counted(channel: str, accepted: "Future[Receipt]") -> None:
    if accepted.cancelled():
        return
    failure = accepted.exception()
    if failure is None:
        receipt = accepted.result()
        if not receipt.replayed:
            metrics.count(ACCEPTED, len(receipt.outcomes), channel=channel)
    else:
        metrics.count(REFUSED, channel=channel, category=type(failure).__name__.lower())
