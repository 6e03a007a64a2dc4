"""What the interactions need of other rooms, handed in by the composition root."""

import asyncio
import importlib.metadata
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import EVERYTHING, Caller, Scope
from hub.contracts.errors import Forbidden, Unauthenticated
from hub.contracts.gate import Gate
from hub.contracts.persons import Persons
from hub.contracts.quarantine import Quarantine
from hub.contracts.search import Answer, Searches
from hub.contracts.store import ResourceStore
from hub.contracts.submission import Receipt, Submission

from .exchange import Request
from .operation import Operations
from .virtual import VirtualType

INLINE_BYTES = 32 * 1024
"""Submissions up to this size are prepared on the event loop; larger ones in a thread, so that reads go on."""


PREPARING_THREADS = 2
"""They share one interpreter lock, so more would only fight for it; two, so that one huge Bundle holds up no other."""


class Accepting(Protocol):
    """``hub.intake.accept.Intake``."""

    def accept(self, submission: Submission) -> "Future[Receipt]": ...


@dataclass(frozen=True)
class Rooms:
    """One value for all interactions."""

    store: ResourceStore
    intake: Accepting
    gate: Gate
    audit: ReadAudit
    persons: Persons | None = None
    quarantine: Quarantine | None = None
    virtual: Mapping[str, VirtualType] = field(default_factory=dict)
    operations: Operations = field(default_factory=Operations)
    searches: Searches | None = None
    """What answers searches; None: the store alone."""
    version: str = field(default_factory=lambda: importlib.metadata.version("regional-health-hub"))
    """Of the software, for the capability statement."""
    _preparing: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(PREPARING_THREADS, thread_name_prefix="prepare")
    )

    def caller(self, request: Request) -> Caller:
        """Raises Unauthenticated; the security middleware has usually answered long before."""
        if request.caller is None:
            raise Unauthenticated("No client is known for this request.", remedy="Send Authorization: Bearer TOKEN.")
        return request.caller

    def scope(self, request: Request, resource_type: str) -> Scope:
        """What the caller may read; raises Forbidden where it may read nothing of this type (no secret: it is a duty
        of its role, whatever is stored)."""
        caller = self.caller(request)
        scope = self.gate.scope(caller)
        if not scope.sees_type(resource_type):
            raise Forbidden(
                f"A client of role {caller.role} may not read {resource_type}.",
                remedy="Use a client whose role has this duty.",
            )
        return scope

    async def search(self, query: Any, scope: Scope, *, after: str | None, strict: bool) -> Answer:
        """Raises ExchangeError."""
        if self.searches is None:
            return Answer(self.store.search(query, scope, after=after))
        return await self.searches.search(query, scope, after=after, strict=strict)

    async def explain(self, query: Any) -> Mapping[str, Any]:
        """``hub.contracts.search.Searches.explain``, without any scope."""
        if self.searches is None:
            return {"engine": "store", "reason": "No search index is configured."}
        return await self.searches.explain(query, EVERYTHING)

    async def accept(self, submission: Submission, size_bytes: int) -> Receipt:
        """``intake.accept`` without holding up the event loop. Raises ExchangeError."""
        if size_bytes <= INLINE_BYTES:
            accepted = self.intake.accept(submission)
        else:
            loop = asyncio.get_running_loop()
            accepted = await loop.run_in_executor(self._preparing, self.intake.accept, submission)
        # A caller that goes away does not undo what is on its way to the disk.
        return await asyncio.shield(asyncio.wrap_future(accepted))
