"""The seams of searching: what answers a search, and what an index is fed from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .caller import Scope
from .store import Page

CURSOR_OF_INDEX = "i."
"""Cursors of the index begin so; those of the store never hold a dot."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page, the engine that found it (``store`` or ``index``), and what the asker must be told of it: sentences.
    ``behind``: the index had not seen every change yet."""

    page: Page
    engine: str = "store"
    notes: tuple[str, ...] = ()
    behind: bool = False


Months = Sequence[tuple[str, int, int]]
"""("YYYY-MM", first millisecond, first of the next month)."""
Activity = Mapping[tuple[str, str], int]
"""How many resources, by (owner organization, month of the type's primary date)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What happens and is counted, and is no resource. ``rows``: a SELECT of ``seq``, ``at_us`` and ``organization``
    from a side table that rows are only ever added to, ``seq`` in the order of the commits."""

    kind: str
    rows: str


class Searches(Protocol):
    """Sends a search to the one engine that answers it. ``query`` is a ``hub.fhir.search.SearchQuery``."""

    async def search(self, query: Any, scope: Scope, *, after: str | None = None, strict: bool = False) -> Answer:
        """``strict``: an answer that holds every change acknowledged before it was asked. Raises ExchangeError."""
        ...

    async def explain(self, query: Any, scope: Scope) -> Mapping[str, Any]:
        """Which engine would answer, why, and what it would be asked. Reads no resource."""
        ...

    async def activity(self, resource_type: str, months: Months, owner: str | None) -> tuple[Activity, str]:
        """Live resources of a type counted, of one organization or of all; and the engine that counted."""
        ...

    async def tallied(self, tally: Tally, months: Months, owner: str | None) -> tuple[Activity, str]:
        """How often it happened, likewise."""
        ...

    async def close(self) -> None: ...


class IndexAway(Exception):
    """The index cannot answer now; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of an index: ids of matches in order. ``next`` is a cursor, None on the last page; ``total`` None unless
    it was asked for."""

    ids: Sequence[str]
    next: str | None = None
    total: int | None = None


class SearchIndex(Protocol):
    async def find(self, query: Any, scope: Scope, after: str | None) -> Found:
        """Raises IndexAway, Incorrect for a cursor of another search, Gone where its point in time is over, and
        Unsupported (too-costly) for a chain that leads through too much."""
        ...

    def explain(self, query: Any, scope: Scope) -> Mapping[str, Any]:
        """What would be asked, with what chains lead to left open."""
        ...

    async def activity(self, resource_type: str, months: Months, owner: str | None) -> Activity:
        """Raises IndexAway."""
        ...

    async def tallied(self, kind: str, months: Months, owner: str | None) -> Activity:
        """Raises IndexAway."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Indexed:
    """A resource as an index sees it. ``body`` is empty when it is deleted. ``rid`` is its age: greater is newer.
    ``readers``: organizations (``o:ID``) and clients (``c:NAME``) it is shared with beside its owner."""

    rid: int
    type: str
    id: str
    version: int
    updated_ms: int
    owner: str
    readers: tuple[str, ...]
    patient: str | None
    body: bytes

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an index has read: versions by the change log, and shares of what had no new version."""

    changes: int = 0
    shares: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """One live resource as a census lists it; ``shares`` counts with whom it is shared."""

    rid: int
    type: str
    id: str
    version: int
    shares: int


class IndexedStore(Protocol):
    """What an index is fed from, and where the bodies of its matches come from."""

    def last_sequence(self) -> int: ...

    def gather(self, query: Any, scope: Scope, ids: Sequence[str]) -> Page:
        """The resources of the query's type with these ids, in this order, as far as they are there and may be read,
        with what the query includes."""
        ...

    def activity(self, resource_type: str, months: Months, owner: str | None) -> Activity:
        """Raises Busy (too-costly)."""
        ...

    def tallied(self, tally: Tally, months: Months, owner: str | None) -> Activity:
        """Raises Busy (too-costly)."""
        ...

    def touched_since(self, mark: Mark, limit: int) -> tuple[list[int], Mark]:
        """Rids of what changed or was shared behind a mark, each once, and the mark behind them."""
        ...

    def indexed(self, rids: Sequence[int]) -> list[Indexed]: ...

    def live_rids(self, after: int, limit: int) -> list[int]:
        """Of resources that are there, ascending."""
        ...

    def newest_rid(self) -> int: ...

    def mark(self) -> Mark:
        """Of everything that is committed."""
        ...

    def census(self, after: int, to: int) -> Iterator[Counted]:
        """Live resources with a rid greater than ``after`` and not greater than ``to``."""
        ...

    def rids_of(self, references: Sequence[str]) -> dict[str, int]:
        """Rids by ``Type/id``, deleted ones too."""
        ...
