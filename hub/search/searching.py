"""Sends each search to its engine, and answers from the store when the index cannot."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hub.contracts.caller import Scope
from hub.contracts.errors import Busy, ExchangeError
from hub.contracts.search import CURSOR_OF_INDEX, Activity, Answer, IndexAway, Months, Searches, SearchIndex, Tally
from hub.contracts.store import Page, ResourceStore
from hub.fhir.search import SearchQuery
from hub.telemetry import metrics

from .freshness import Freshness
from .planner import Condition, Decision, Engine, decide

STRICT_SECONDS = 4.0
"""How long a strict search waits for the index; then the store, which is always current, is asked."""
REST_SECONDS = 2.0
"""After a failure the index is left alone this long, so that not every search waits for it."""

SEARCHES = metrics.describe("hub_searches_total", "Searches by the engine that answered.")
FALLBACKS = metrics.describe("hub_search_fallbacks_total", "Searches for the index that the store answered.")


class Gathering(ResourceStore, Protocol):
    def activity(self, resource_type: str, months: Months, owner: str | None) -> Activity: ...

    def tallied(self, tally: Tally, months: Months, owner: str | None) -> Activity: ...

    def gather(self, query: Any, scope: Scope, ids: Sequence[str]) -> Page: ...


class StoreAlone(Searches):
    """Without an index."""

    def __init__(self, store: Gathering) -> None:
        self._store = store

    async def search(
        self, query: SearchQuery, scope: Scope, *, after: str | None = None, strict: bool = False
    ) -> Answer:
        if after is not None and after.startswith(CURSOR_OF_INDEX):
            raise _index_needed("No search index is configured any more.")
        return Answer(self._store.search(query, scope, after=after))

    async def explain(self, query: SearchQuery, scope: Scope) -> Mapping[str, Any]:
        decision = decide(query, scope, None, most_seconds=0)
        return {"engine": decision.engine, "reason": decision.reason}

    async def activity(self, resource_type: str, months: Months, owner: str | None) -> tuple[Activity, str]:
        return await asyncio.to_thread(self._store.activity, resource_type, months, owner), "store"

    async def tallied(self, tally: Tally, months: Months, owner: str | None) -> tuple[Activity, str]:
        return await asyncio.to_thread(self._store.tallied, tally, months, owner), "store"

    async def close(self) -> None:
        return None


@dataclass(slots=True)
class _Rest:
    until: float = 0.0
    reason: str = ""


class PlannedSearches(Searches):
    """With an index. ``most_seconds``: how far it may be behind and still be asked."""

    def __init__(self, store: Gathering, index: SearchIndex, freshness: Freshness, *, most_seconds: float) -> None:
        self._store = store
        self._index = index
        self._freshness = freshness
        self._most_seconds = most_seconds
        self._rest = _Rest()

    async def search(
        self, query: SearchQuery, scope: Scope, *, after: str | None = None, strict: bool = False
    ) -> Answer:
        condition = self._condition()
        decision = decide(query, scope, condition, most_seconds=self._most_seconds, after=after)
        if strict and after is None and decision.engine is Engine.INDEX and condition.behind_changes:
            condition = await self._caught_up(condition)
            if condition.behind_changes:
                decision = Decision(Engine.STORE, "The search index did not catch up in time.")
        if decision.engine is Engine.STORE:
            return self._by_store(query, scope, after, condition, decision)
        try:
            found = await self._index.find(query, scope, after)
        except IndexAway as failure:
            self._rest = _Rest(time.monotonic() + REST_SECONDS, str(failure))
            if after is not None:
                raise _index_needed(str(failure)) from None
            return self._by_store(query, scope, None, condition, Decision(Engine.STORE, str(failure)))
        gathered = self._store.gather(query, scope, found.ids)
        metrics.count(SEARCHES, engine="index")
        page = Page(gathered.matches, gathered.included, found.next, found.total)
        return Answer(page, "index", self._notes(query, condition), behind=condition.behind_changes > 0)

    async def explain(self, query: SearchQuery, scope: Scope) -> Mapping[str, Any]:
        condition = self._condition()
        decision = decide(query, scope, condition, most_seconds=self._most_seconds)
        told: dict[str, Any] = {
            "engine": decision.engine,
            "reason": decision.reason,
            "behind_changes": condition.behind_changes,
            "behind_seconds": round(condition.behind_seconds, 1),
        }
        return {**told, **self._index.explain(query, scope)} if decision.engine is Engine.INDEX else told

    async def activity(self, resource_type: str, months: Months, owner: str | None) -> tuple[Activity, str]:
        """The index counts where it has seen everything; figures that are behind would be wrong without a word."""
        condition = self._condition()
        if not condition.away and not condition.behind_changes and not self._freshness.refused(resource_type):
            try:
                return await self._index.activity(resource_type, months, owner), "index"
            except IndexAway as failure:
                self._rest = _Rest(time.monotonic() + REST_SECONDS, str(failure))
        return await asyncio.to_thread(self._store.activity, resource_type, months, owner), "store"

    async def tallied(self, tally: Tally, months: Months, owner: str | None) -> tuple[Activity, str]:
        """The index counts where it has seen everything that happened in these months."""
        away = time.monotonic() < self._rest.until
        if not away and await asyncio.to_thread(self._freshness.has_tallied, tally, months):
            try:
                return await self._index.tallied(tally.kind, months, owner), "index"
            except IndexAway as failure:
                self._rest = _Rest(time.monotonic() + REST_SECONDS, str(failure))
        return await asyncio.to_thread(self._store.tallied, tally, months, owner), "store"

    async def close(self) -> None:
        await self._index.close()

    def _condition(self) -> Condition:
        if time.monotonic() < self._rest.until:
            return Condition(self._rest.reason)
        return self._freshness.condition()

    async def _caught_up(self, condition: Condition) -> Condition:
        """The index once it has seen what was committed by now, or as it is when the time is up."""
        asked = self._freshness.asked()
        deadline = time.monotonic() + STRICT_SECONDS
        while time.monotonic() < deadline:
            if self._freshness.has_seen(asked):
                return Condition()
            await asyncio.sleep(0.02)
        return condition

    def _by_store(
        self, query: SearchQuery, scope: Scope, after: str | None, condition: Condition, decision: Decision
    ) -> Answer:
        wanted_index = bool(condition.away) or decision.reason.startswith("The search index")
        try:
            page = self._store.search(query, scope, after=after)
        except ExchangeError as refusal:
            if wanted_index and refusal.issue_code == "too-costly":
                refusal.what = f"{refusal.what} {decision.reason}"
            raise
        metrics.count(SEARCHES, engine="store")
        if wanted_index:
            metrics.count(FALLBACKS)
        return Answer(page)

    def _notes(self, query: SearchQuery, condition: Condition) -> tuple[str, ...]:
        notes = []
        if condition.behind_changes:
            notes.append(
                f"The search index is behind by {condition.behind_changes} changes ({condition.behind_seconds:.1f} s); "
                "X-Consistency: strict waits for it."
            )
        refused = self._freshness.refused(query.type)
        if refused:
            notes.append(f"{refused} resources of this type could not be indexed and are not searched here.")
        return tuple(notes)


def _index_needed(reason: str) -> Busy:
    return Busy(f"{reason} This page can come from there alone.", remedy="Try again, or search from the first page.")
