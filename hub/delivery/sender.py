"""Sends what is due, each place by itself: one that is dead or slow holds up nobody else."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.contracts.store import CommitView, ResourceStore
from hub.telemetry import events, metrics

from . import outbox
from .destinations import Destinations, scheme_of
from .outbox import Item
from .transport import Attempt, Result, Transport

POLL_SECONDS = 0.2
COUNT_SECONDS = 2.0
STOP_SECONDS = 10.0

NOT_DELIVERED = events.declare(
    "delivery.failed", "warning", ("organization", "attempt", "error"), "A report did not arrive yet."
)
STORE_AWAY = events.declare("delivery.store", "warning", ("error",), "The delivery queue cannot be read or written.")
TRIES = metrics.describe("hub_delivery_tries_total", "Tries to deliver a report, by result.")
OPEN = metrics.describe("hub_delivery_open", "Reports that have not arrived: waiting, or dead (refused for good).")


class Sender:
    """``transports`` by URL scheme (``http``, ``https``, ``mllp``). ``audit`` is told of each delivery that arrived."""

    def __init__(
        self,
        store: ResourceStore,
        destinations: Destinations,
        transports: Mapping[str, Transport],
        audit: ReadAudit,
        *,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._transports = transports
        self._audit = audit
        self._poll_seconds = poll_seconds
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then what is on the wire may end (10 s), and the rest waits for the next start."""
        counted = -COUNT_SECONDS
        while not stop.is_set():
            try:
                for destination in outbox.due_destinations(self._store):
                    if destination not in self._busy:
                        self._busy[destination] = asyncio.create_task(self._drain(destination, stop))
                if time.monotonic() - counted >= COUNT_SECONDS:
                    counted = time.monotonic()
                    for state, number in outbox.counts(self._store).items():
                        metrics.gauge(OPEN, number, state=state)
            except ExchangeError as failure:
                STORE_AWAY.log(error=type(failure).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._poll_seconds)
        pending = list(self._busy.values())
        if pending:
            await asyncio.wait(pending, timeout=STOP_SECONDS)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for transport in dict.fromkeys(self._transports.values()):
            await transport.close()

    async def _drain(self, destination: str, stop: asyncio.Event) -> None:
        """Everything that is due for one place, one after another."""
        try:
            while not stop.is_set():
                item = outbox.next_due(self._store, destination)
                if item is None:
                    return
                await self._record(item, await self._try(item))
        except ExchangeError as failure:
            STORE_AWAY.log(error=type(failure).__name__)
        finally:
            del self._busy[destination]

    async def _try(self, item: Item) -> Attempt:
        if not item.payload:
            return Attempt(Result.REFUSED, "not translated")
        if item.destination not in self._destinations.destinations_of_organization(item.organization):
            # Removed from the registry: nothing goes there any more, and all goes on should it come back.
            return Attempt(Result.REFUSED, "not registered")
        transport = self._transports.get(scheme_of(item.destination))
        if transport is None:
            return Attempt(Result.REFUSED, "no transport")
        return await transport.send(item)

    async def _record(self, item: Item, attempt: Attempt) -> None:
        metrics.count(TRIES, result=attempt.result.value)
        write: Callable[[CommitView], None]
        match attempt.result:
            case Result.DELIVERED:
                receiver = Caller("hub", Role.SERVICE, item.organization)
                self._audit.note(receiver, "delivery", "DiagnosticReport", [item.patient_id] if item.patient_id else [])
                write = lambda view: outbox.delivered(view, item)  # noqa: E731
            case Result.REFUSED:
                write = lambda view: outbox.refused(view, item, attempt.error)  # noqa: E731
            case _:
                unreached = attempt.result is Result.UNREACHED
                write = lambda view: outbox.not_delivered(view, item, attempt.error, unreached=unreached)  # noqa: E731
        if attempt.error:
            NOT_DELIVERED.log(organization=item.organization, attempt=item.attempts + 1, error=attempt.error)
        await asyncio.shield(asyncio.wrap_future(self._store.act(write, outbox.HUB)))
