"""The seam to the primary store: resources, versions, the change log, and the side tables of other rooms."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .caller import Caller, Scope
from .submission import Entry, Notice, Receipt, Submission


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one resource. ``body`` is its JSON with id and meta in place, empty when deleted."""

    type: str
    id: str
    version: int
    last_updated: str
    body: bytes
    owner: str
    sender: str = ""
    patient: str | None = None
    """Id of the source Patient in whose compartment it lies."""
    deleted: bool = False
    method: str = "PUT"
    """How this version came to be: POST, PUT or DELETE (FHIR ``Bundle.entry.request.method``)."""

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log. ``sequence`` is total over the whole store, without ties, in commit order."""

    sequence: int
    type: str
    id: str
    version: int
    deleted: bool
    owner: str
    sender: str
    patient: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search. ``included`` are the resources of _include and _revinclude. ``next`` is an opaque keyset
    cursor, None on the last page; ``total`` is None unless it was asked for."""

    matches: Sequence[Stored]
    included: Sequence[Stored] = ()
    next: str | None = None
    total: int | None = None


CheckWrite = Callable[[str, str, str | None], None]
"""``Gate.check_write`` for one caller: (resource type, method, owner of the version to be changed or None)."""

Select = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""``ResourceReader.side_rows``, or the same inside a commit."""


class ResourceReader(Protocol):
    """Reads of committed snapshots. A Scope is never optional: what lies outside it is NotFound, so that nobody learns
    of its existence. Promised: a read by id after an acknowledged write sees that write, from any process.
    Not promised: two calls see the same snapshot."""

    def read(self, resource_type: str, resource_id: str, scope: Scope) -> Stored: ...

    def read_version(self, resource_type: str, resource_id: str, version: int, scope: Scope) -> Stored: ...

    def history(
        self, resource_type: str, resource_id: str, scope: Scope, *, count: int, before_version: int | None = None
    ) -> Sequence[Stored]:
        """Newest first; at most ``count`` versions older than ``before_version``."""
        ...

    def search(self, query: Any, scope: Scope, *, after: str | None = None) -> Page:
        """``query`` is a ``hub.fhir.search.SearchQuery``; ``after`` a cursor from ``Page.next``."""
        ...

    def side_rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """A SELECT on the side tables that the asking room itself declared."""
        ...


class ChangeLog(Protocol):
    def changes_since(self, sequence: int, limit: int) -> Sequence[Change]:
        """Changes with a greater sequence, oldest first, never with a hole that is filled later."""
        ...

    def last_sequence(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Written:
    """One entry of a commit as a consequence sees it: already decided, validated and numbered, not yet committed."""

    type: str
    id: str
    version: int
    body: bytes
    resource: Any
    """The decoded struct of ``hub.fhir.model`` (None when deleted)."""
    owner: str
    patient: str | None
    entry: Entry
    rid: int
    patient_rid: int | None
    deleted: bool = False
    derived: Mapping[str, Any] = field(default_factory=dict)
    """What the reactions' ``derive`` made of it, by the name of their room."""


class CommitView(Protocol):
    """The store as it stands inside the open commit, and what may be added to that commit.

    Reads here see everything (scope does not apply inside a commit) and are serialised with every other commit,
    so what is unique now is unique for good."""

    @property
    def caller(self) -> Caller: ...

    @property
    def submission(self) -> Submission: ...

    @property
    def now(self) -> datetime: ...

    def read(self, resource_type: str, resource_id: str) -> Stored | None:
        """None where there is none or it is deleted."""
        ...

    def find(self, resource_type: str, code: str, system: str | None, value: str) -> Sequence[Stored]:
        """Resources whose token search parameter ``code`` has this value; at most 100."""
        ...

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Change rows of a side table the room declared. Never the store's own tables."""
        ...

    def put(
        self, resource_type: str, body: dict[str, Any], *, owner: str, id: str | None = None, patient: str | None = None
    ) -> Stored:
        """Write one more resource in this commit (created, or updated where ``id`` exists); validated like any other.
        Consequences run on it too, once."""
        ...

    def share(self, resource_type: str, resource_id: str, organization: str) -> None:
        """Let ``organization`` read this resource from now on, though it owns it not."""
        ...

    def tell_person(self, person_id: str) -> None:
        """Name the Person of this submission; the first one told stands in the Receipt."""
        ...

    def tell(self, notice: Notice) -> None:
        """Say something to the sender of this submission; it stands in the Receipt, and again whenever the same key is
        sent."""
        ...


@dataclass(frozen=True, slots=True)
class SideTable:
    """Tables a room keeps beside the resources, written in the same commits. ``ddl`` holds ``CREATE … IF NOT EXISTS``
    statements; every table name starts with the room's name."""

    room: str
    ddl: str


class Consequence(Protocol):
    """Adds to a commit what follows from it. A function of the entries and the view alone: no clock but ``view.now``,
    no network, no other state. Raising an ExchangeError refuses the whole submission."""

    def __call__(self, written: Sequence[Written], view: CommitView) -> None: ...


@dataclass(frozen=True, slots=True)
class Reaction:
    """A consequence and when it runs: only for submissions that write one of ``types`` (None: all).

    ``derive`` is a pure function of one decoded resource, run before the lock is taken for each resource of ``types``;
    its result waits in ``Written.derived[room]``, so that the work inside the commit stays small.
    """

    room: str
    types: frozenset[str] | None
    run: Consequence
    derive: Callable[[str, Any], Any] | None = None
    tables: SideTable | None = None


class ResourceWriter(Protocol):
    """The one way in.

    Promised when the Future ends without exception: everything in the submission is on disk (fsync), appears in the
    change log once, and its key is bound. The Future fails with an ExchangeError when the submission was refused, and
    then nothing of it was kept. Many submissions share one fsync; one that is refused does not fail its neighbours."""

    def submit(self, prepared: Any) -> "Future[Receipt]":
        """``prepared`` is what this writer's own ``prepare`` returned."""
        ...

    def prepare(
        self,
        submission: Submission,
        *,
        owners: Sequence[str] | None = None,
        check: CheckWrite | None = None,
        own_patients_only: bool = False,
        scope: Scope | None = None,
    ) -> Any:
        """Everything that needs no lock: parse, validate, extract, compress. Raises ExchangeError.

        ``owners``: the organization that comes to own what each entry creates (default: the caller's). An update never
        changes the owner. ``check`` is asked inside the commit for every change. ``own_patients_only``: refuse (422) a
        resource of a Patient that another organization owns and has not shared with the caller's. ``scope``: what the
        caller may read; a version to be changed that lies outside it is NotFound, and a conditional reference that
        finds nothing among the owner's resources is looked for in it.
        """
        ...

    def act(self, room_action: Callable[[CommitView], object], caller: Caller) -> "Future[Any]":
        """Run a room's own change of its side tables (a client registered, a delivery marked done) as a commit of its
        own; the Future gives what it returned, after the fsync."""
        ...


class ResourceStore(ResourceReader, ResourceWriter, ChangeLog, Protocol):
    def close(self) -> None: ...

    def verify(self) -> Iterator[str]:
        """Every stored body, index row and key against what it was made from; yields one sentence per fault."""
        ...


class CursorStore(Protocol):
    """How far a follower has read the change log."""

    def load(self, follower: str) -> int: ...

    def save(self, follower: str, sequence: int) -> None: ...


class Follower(Protocol):
    """Follows the change log by its own cursor, at least once: must be idempotent."""

    name: str

    def follow(self, changes: Iterable[Change]) -> None: ...
