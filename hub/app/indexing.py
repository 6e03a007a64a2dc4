"""The search index composed: the check at start, the searches of a worker, the indexer of the followers."""

import asyncio
import contextlib
from functools import partial

from hub.contracts.search import Searches
from hub.search.elasticsearch.connection import ServerSettings, Unusable, connect, examine
from hub.search.elasticsearch.generations import Generations
from hub.search.elasticsearch.index import ElasticsearchIndex
from hub.search.elasticsearch.indexer import Indexer, Pace
from hub.search.freshness import Freshness
from hub.search.progress import Progress, Word
from hub.search.searching import PlannedSearches
from hub.search.state import measure, state_of
from hub.settings import Search
from hub.store.sqlite import SqliteResourceStore
from hub.telemetry import events

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


async def keep_index(search: Search, store: SqliteResourceStore, stop: asyncio.Event) -> None:
    """Feed the index until ``stop``, and tell how it does."""
    settings = server_settings(search)
    progress = Progress(store)
    client = connect(settings)
    try:
        indexer = Indexer(store, progress, client, settings, Pace(search.rebuild_per_second))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(indexer.run(stop))
            tasks.create_task(_measure(store, progress, stop))
    finally:
        await client.close()


async def _measure(store: SqliteResourceStore, progress: Progress, stop: asyncio.Event) -> None:
    freshness = Freshness(store, progress)
    while not stop.is_set():
        try:
            measure(await asyncio.to_thread(partial(state_of, store, progress, freshness)))
        except Exception as failure:
            STUMBLED.log(error=type(failure).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), MEASURE_SECONDS)
