"""A submission between its preparation and its commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError
from hub.contracts.store import CheckWrite
from hub.contracts.submission import Entry, Receipt, Submission
from hub.fhir.search import SearchQuery

from .facts import Keys


@dataclass(frozen=True, slots=True)
class Need:
    """What the outcome of an entry depends on and only the commit knows for sure: which resources of ``owner`` meet
    ``condition``. ``readable``: where the owner has none, what the caller may read counts."""

    type: str
    condition: str
    owner: str
    readable: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A need, read. ``token`` is set where the condition is one token (parameter, code hash, system hash or None for
    any), which is answered without a search."""

    need: Need
    token: tuple[int, int, int | None] | None
    query: SearchQuery | None
    """Set where ``token`` is not."""


Answers = dict[Need, tuple[str, ...]]
"""Ids of the resources that meet each need, at most two of them."""


@dataclass(slots=True, eq=False)
class Content:
    """A resource ready to be stored, under whatever version it will get. ``resource`` is the decoded struct."""

    tail: bytes
    sum: bytes
    keys: Keys
    packed_keys: bytes
    references: list[tuple[int, str]]
    patient: str | None
    """Reference to the Patient in whose compartment it lies."""
    sort_date: int
    resource: Any
    derived: Mapping[str, Any]
    packed: bytes = b""
    """``tail`` as it will be stored; made for all resources of a submission together."""


@dataclass(slots=True, eq=False)
class Item:
    """One entry, ready. ``id`` is what it will be stored under, or, of a delete, what it deletes (None: nothing).
    ``found`` is the one resource that its condition met. ``content`` is None for a delete and for a conditional create
    that found its resource. ``same_as``: an earlier entry with the same conditional create."""

    number: int
    entry: Entry
    type_number: int
    owner: str
    id: str | None
    found: str | None = None
    same_as: int | None = None
    if_match: int | None = None
    claim: tuple[int, int, int] | None = None
    content: Content | None = None


@dataclass(slots=True, eq=False)
class Prepared:
    """``replay`` is set where the key was bound already: then there is nothing to commit."""

    submission: Submission
    id: str
    owners: tuple[str, ...]
    check: CheckWrite | None = None
    own_patients_only: bool = False
    scope: Scope | None = None
    new_ids: list[str] = field(default_factory=list)
    conditions: dict[Need, Condition] = field(default_factory=dict)
    answers: Answers = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    replay: Receipt | None = None

    @property
    def size(self) -> int:
        """Resources, as a measure of the work that the commit will be."""
        return len(self.items) or 1


def placed(error: ExchangeError, number: int, total: int) -> ExchangeError:
    """The error with its place seen from a Bundle of ``total`` entries: ``Bundle.entry[3].resource.code``."""
    if total > 1 and not error.where.startswith("Bundle.entry["):
        head, dot, rest = error.where.partition(".")
        entry = f"Bundle.entry[{number}]"
        if head[:1].isupper() and head.isalpha():
            error.where = f"{entry}.resource{dot}{rest}"
        else:
            error.where = f"{entry}.request" if error.where else entry
    return error
