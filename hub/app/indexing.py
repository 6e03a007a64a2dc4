"""The search index composed: the check at start, the searches of a worker, the indexer of the followers."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import msgspec

from hub.contracts.search import Searches
from hub.search.elasticsearch.checking import Checker, NotCaughtUp
from hub.search.elasticsearch.connection import ServerSettings, Unusable, connect, examine
from hub.search.elasticsearch.generations import Generations
from hub.search.elasticsearch.index import ElasticsearchIndex
from hub.search.elasticsearch.indexer import Indexer, Pace, trouble_of
from hub.search.freshness import Freshness
from hub.search.progress import Progress, Word
from hub.search.searching import PlannedSearches
from hub.search.state import measure, state_of
from hub.settings import Search
from hub.store.sqlite import SqliteResourceStore
from hub.telemetry import events

from .tallies import TALLIES

MEASURE_SECONDS = 1.0

STUMBLED = events.declare("search.check-failed", "warning", ("error",), "A check of the index could not be finished.")


def server_settings(search: Search) -> ServerSettings:
    return ServerSettings(
        search.urls, search.user, search.password, search.api_key, search.ca_file, search.prefix,
        search.shards, search.replicas,
    )  # fmt: skip


def trouble_at_start(search: Search, store: SqliteResourceStore) -> str:
    """Why the index cannot be used, as one sentence with the remedy; empty where it can."""
    settings = server_settings(search)
    store_id = Progress(store).secret(Word.STORE_ID)

    async def look() -> None:
        await examine(settings)
        client = connect(settings)
        try:
            await Generations(client, settings, store_id).examine()
        finally:
            await client.close()

    try:
        asyncio.run(look())
    except Unusable as failure:
        return str(failure)
    except Exception as failure:
        return f"Elasticsearch at {search.elasticsearch_url} cannot be used ({type(failure).__name__}). See its log."
    return ""


def planned_searches(search: Search, store: SqliteResourceStore) -> Searches:
    settings = server_settings(search)
    progress = Progress(store)
    client = connect(settings)
    generations = Generations(client, settings, progress.secret(Word.STORE_ID))
    index = ElasticsearchIndex(client, generations, progress.secret(Word.CURSOR_KEY))
    return PlannedSearches(store, index, Freshness(store, progress), most_seconds=search.most_behind_seconds)


@dataclass(frozen=True, slots=True)
class IndexRoom:
    """The writing side of the index, for one process at a time."""

    progress: Progress
    indexer: Indexer
    checker: Checker

    def trouble_of(self, failure: Exception) -> str:
        if isinstance(failure, NotCaughtUp):
            return "The index is behind, or being built: it cannot be compared now. See hub index status."
        return trouble_of(failure)


@asynccontextmanager
async def opened_index(search: Search, store: SqliteResourceStore) -> AsyncIterator[IndexRoom]:
    # What is loaded stays, and a batch of documents is many small objects that live for a moment: a collector that
    # looks at them as often as it does by default takes half of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    settings = server_settings(search)
    progress = Progress(store)
    client = connect(settings)
    try:
        indexer = Indexer(store, progress, client, settings, Pace(search.rebuild_per_second), tuple(TALLIES.values()))
        checker = Checker(store, progress, client, indexer.generations, indexer.feeder, indexer.tallies)
        yield IndexRoom(progress, indexer, checker)
    finally:
        await client.close()


async def keep_index(search: Search, store: SqliteResourceStore, stop: asyncio.Event) -> None:
    """Feed the index until ``stop``, compare it with the store on schedule, and tell how it does."""
    async with opened_index(search, store) as room, asyncio.TaskGroup() as tasks:
        tasks.create_task(room.indexer.run(stop))
        tasks.create_task(_measure(store, room.progress, stop))
        if search.check_hours:
            tasks.create_task(_check(room, search.check_hours, stop))


async def _check(room: IndexRoom, hours: float, stop: asyncio.Event) -> None:
    """The first check comes one interval after the last that there was, over restarts."""
    while not stop.is_set():
        last = msgspec.json.decode(await asyncio.to_thread(room.progress.word, Word.CHECKED) or "{}").get("at")
        age = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds() if last else float("inf")
        if age < hours * 3600:
            await _pause(stop, min(60.0, hours * 3600 - age))
            continue
        try:
            await room.checker.check(repair=True)
        except Exception as failure:
            STUMBLED.log(error=type(failure).__name__)
            await _pause(stop, 60.0)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _measure(store: SqliteResourceStore, progress: Progress, stop: asyncio.Event) -> None:
    freshness = Freshness(store, progress)
    while not stop.is_set():
        try:
            measure(await asyncio.to_thread(partial(state_of, store, progress, freshness)))
        except Exception as failure:
            STUMBLED.log(error=type(failure).__name__)
        await _pause(stop, MEASURE_SECONDS)
