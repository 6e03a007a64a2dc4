"""Which engine answers a search: one for the whole of it, never two halves. Pure.

The store answers what it has an index for and what must be current: by id, by identifier, by patient or person. What
goes across patients goes to the search index where there is one that is fresh enough, else to the store, which gives
up, and says so, when it takes too long.
"""

from dataclasses import dataclass
from enum import StrEnum

from hub.contracts.caller import Scope
from hub.contracts.search import CURSOR_OF_INDEX
from hub.fhir.search import Criterion, ReferenceValue, SearchQuery, TokenValue


class Engine(StrEnum):
    STORE = "store"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Condition:
    """Of the index, as this process sees it. ``away``: why it cannot be asked, empty where it can. ``behind_changes``
    and ``behind_seconds``: what it has not seen, and since when."""

    away: str = ""
    behind_changes: int = 0
    behind_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    engine: Engine
    reason: str


def decide(
    query: SearchQuery, scope: Scope, index: Condition | None, *, most_seconds: float, after: str | None = None
) -> Decision:
    """``index`` None: none is configured. ``most_seconds``: how far the index may be behind. ``after``: the cursor of
    the page; pages of one search come from one engine."""
    if after is not None:
        if after.startswith(CURSOR_OF_INDEX):
            return Decision(Engine.INDEX, "The page before came from the index.")
        return Decision(Engine.STORE, "The page before came from the store.")
    if index is None:
        return Decision(Engine.STORE, "No search index is configured.")
    exact = _answered_by_store(query, scope)
    if exact:
        return Decision(Engine.STORE, exact)
    if index.away:
        return Decision(Engine.STORE, index.away)
    if index.behind_changes and index.behind_seconds > most_seconds:
        behind = f"{index.behind_changes} changes, {index.behind_seconds:.0f} s"
        return Decision(Engine.STORE, f"The search index is behind by {behind}.")
    return Decision(Engine.INDEX, "The search goes across patients.")


def _answered_by_store(query: SearchQuery, scope: Scope) -> str:
    """Why the store alone may answer; empty where the index may."""
    if query.ids is not None:
        return "It asks for ids."
    if scope.person is not None or scope.patients is not None:
        return "The asker sees the records of certain patients alone."
    if any(_by_identifier(one) for one in query.criteria):
        return "It asks for an identifier."
    if any(_by_patient(one) for one in query.criteria):
        return "It asks for the records of certain patients."
    if any(key.param is not None and key.param.union_of for key in query.sort):
        return "The index does not have this order."
    return ""


def _by_identifier(criterion: Criterion) -> bool:
    return (
        criterion.param.code == "identifier"
        and criterion.modifier is None
        and criterion.missing is None
        and all(isinstance(value, TokenValue) and value.code is not None for value in criterion.values)
    )


def _by_patient(criterion: Criterion) -> bool:
    if criterion.chain:
        return all(_by_identifier(link) and link.param.type == "Patient" for link in criterion.chain)
    return bool(criterion.values) and all(
        isinstance(value, ReferenceValue) and (value.type == "Patient" or criterion.param.code == "patient")
        for value in criterion.values
    )
