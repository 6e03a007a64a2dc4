"""``POST /ingest/ecg`` and the drop folder: one file in, one receipt out.

The gateway's object first, then the hub: both follow from the file's hash, so a crash between is repaired by sending
the file again. What is refused is kept in quarantine with the query that came beside it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import (
    Conflict,
    Forbidden,
    Incorrect,
    NotFound,
    Precondition,
    Unsupported,
)
from hub.contracts.hub_client import HubClient
from hub.contracts.instance_store import InstanceStore
from hub.contracts.quarantine import Refusal
from hub.contracts.site import ZONE
from hub.contracts.submission import Channel, Original, Receipt

from .decoding import decoding
from .dicom_object import CanonicalObject, ObjectIdentity, canonical_object, uid_from
from .identification import Beside, Identified, beside, identified
from .read import read
from .recording import Recording
from .submission import Context, submission_of

DEADLINE_SECONDS = 20.0
"""For reading one file, waiting for its turn not counted; what a reader may do in all is bounded by its own limits."""
_SENDERS = frozenset({Role.CLINIC, Role.PLATFORM, Role.SERVICE})
_KEPT = (Incorrect, Unsupported, Conflict, Precondition, NotFound)
"""Refusals that are the file's own fault: sent again unchanged it is refused again."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A file read and given to somebody, before anything is stored."""

    recording: Recording
    said: Beside
    person: Identified
    canonical: CanonicalObject


class EcgIngest:
    """Implements ``hub.contracts.ingest.Ingester``. Fork-safe: its one thread starts with the first file."""

    def __init__(
        self,
        hub: HubClient,
        instances: InstanceStore,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(ZONE),
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._hub = hub
        self._instances = instances
        self._now = now
        self._deadline_seconds = deadline_seconds
        self._readers = _reader_thread()
        self._turn: asyncio.Lock | None = None

    async def __call__(self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]) -> Receipt:
        return await self.receive(content, caller, query, content_type=content_type)

    async def receive(
        self,
        content: bytes,
        caller: Caller,
        query: Mapping[str, str],
        *,
        content_type: str = "application/octet-stream",
    ) -> Receipt:
        """The receipt, after object and records are on disk; the same file again gives the same one.

        Raises an ExchangeError. Where the file itself is at fault it is in quarantine under the SHA-256 of its bytes
        and the error carries ``quarantine_id``."""
        try:
            return await self._receive(content, caller, query)
        except _KEPT as refused:
            if not refused.quarantine_id:
                refusal = Refusal(
                    Channel.ECG,
                    hashlib.sha256(content).hexdigest(),
                    refused.what,
                    refused.where,
                    refused.remedy,
                    Original(content, content_type),
                    parameters=dict(query),
                )
                refused.quarantine_id = await asyncio.to_thread(self._hub.quarantine, refusal, caller)
            raise

    async def _receive(self, content: bytes, caller: Caller, query: Mapping[str, str]) -> Receipt:
        if caller.role not in _SENDERS:
            # The hub refuses their records anyway; here the object is not kept without them.
            raise Forbidden(
                f"A client of role {caller.role} sends no ECG.", remedy="Use a client of role clinic or platform."
            )
        understood = await self._in_time(partial(understand, content, caller.organization, query))
        await self._store(understood, caller)
        context = Context(caller, self._now(), understood.said, understood.person)
        try:
            return await self._submit(understood, content, context)
        except Precondition:
            if not understood.person.value:
                raise
            return await self._submit(understood, content, replace(context, own_patient=True))

    async def _store(self, understood: Understood, caller: Caller) -> None:
        store = partial(self._instances.store, understood.canonical.part10, caller, announced=True)
        try:
            await asyncio.to_thread(store)
        except Conflict as conflict:
            if understood.recording.dicom is not None or conflict.quarantine_id:
                raise
            # The object's UIDs follow from the file; other bytes under them can only name another person.
            raise _taken_before() from None

    async def _submit(self, understood: Understood, content: bytes, context: Context) -> Receipt:
        def submit() -> Receipt:
            submission = submission_of(understood.recording, content, understood.canonical, context)
            return self._hub.submit(submission).result()

        try:
            return await asyncio.to_thread(submit)
        except Conflict as conflict:
            if conflict.issue_code != "duplicate":
                raise
            # The key is the file itself: what differs is what was said beside it.
            raise _taken_before() from None

    async def _in_time(self, work: Callable[[], Understood]) -> Understood:
        """One file at a time: decoding holds the interpreter, so a second thread would only slow both."""
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            running = asyncio.get_running_loop().run_in_executor(self._readers, work)
            try:
                return await asyncio.wait_for(running, self._deadline_seconds)
            except TimeoutError:
                # The thread cannot be stopped; the next file gets another one.
                self._readers.shutdown(wait=False)
                self._readers = _reader_thread()
                raise Incorrect(
                    "Reading the file took too long; it was given up.",
                    remedy="Split the recording, or send its resting strip.",
                ) from None

    def close(self) -> None:
        self._readers.shutdown(wait=False, cancel_futures=True)


def _taken_before() -> Conflict:
    return Conflict(
        "This file was taken before, for another patient or under another name.",
        where="patient",
        remedy="Correct the record that is there; the file need not come again.",
    )


def _reader_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ecg-read")


def understand(content: bytes, organization: str, query: Mapping[str, str]) -> Understood:
    """Pure: the recording, whose it is, and its canonical object. Raises an ExchangeError."""
    said = beside(query)
    recording = read(content)
    person = identified(recording.patient, said, organization)
    if recording.dicom is not None:
        sent = recording.dicom
        canonical = CanonicalObject(
            content,
            sent.sop_class_uid,
            sent.sop_instance_uid,
            sent.series_instance_uid,
            sent.study_instance_uid,
            sent.accession_number,
        )
        return Understood(recording, said, person, canonical)
    sha256 = hashlib.sha256(content).hexdigest()
    study, series, instance = (uid_from(organization, sha256, level) for level in ("study", "series", "instance"))
    identity = ObjectIdentity(study, series, instance, person.value, person.name)
    with decoding("The recording cannot be written as a DICOM object."):
        canonical = canonical_object(recording, identity)
    return Understood(recording, said, person, canonical)
