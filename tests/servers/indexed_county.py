"""A small county with a search index beside its store: both engines, asked the same."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.search import Answer, Tally
from hub.search.elasticsearch.checking import Checker, Report
from hub.search.elasticsearch.connection import ServerSettings, connect
from hub.search.elasticsearch.index import ElasticsearchIndex
from hub.search.elasticsearch.indexer import Indexer
from hub.search.freshness import Freshness
from hub.search.progress import Progress, Word
from hub.search.searching import PlannedSearches
from hub.search.tables import SEARCH_TABLES
from hub.store.sqlite import SqliteResourceStore
from tests.contracts.resource_stores import County, query


class IndexedCounty(County):
    """``settle`` brings the index up to date; ``index_ids`` asks it alone, whatever the planner would say."""

    store: SqliteResourceStore

    def __init__(self, folder: Path, url: str, prefix: str, tallies: Sequence[Tally] = (), **more: Any) -> None:
        side_tables = [SEARCH_TABLES, *more.pop("side_tables", ())]
        super().__init__(SqliteResourceStore(folder, side_tables=side_tables, **more))
        self.tallies = tallies
        self.runner = asyncio.Runner()
        self.settings = ServerSettings((url,), prefix=prefix)
        self.progress = Progress(self.store)
        self.reopen()

    def reopen(self, *, search_seconds: float = 60.0) -> None:
        """As after a start of the hub: nothing is known but what was saved. A search may take as long as a busy machine
        makes it, unless that is what a test is about."""
        self.client = self.runner.run(_made(self.settings))
        self.indexer = Indexer(self.store, self.progress, self.client, self.settings, tallies=self.tallies)
        key = self.progress.secret(Word.CURSOR_KEY)
        self.index = ElasticsearchIndex(self.client, self.indexer.generations, key, seconds=search_seconds)
        self.freshness = Freshness(self.store, self.progress)
        self.searches = PlannedSearches(self.store, self.index, self.freshness, most_seconds=5.0)

    def settle(self) -> None:
        self.runner.run(self.indexer.settle())

    def check(self, *, repair: bool = False, everything: bool = True) -> Report:
        indexer = self.indexer
        checker = Checker(self.store, self.progress, self.client, indexer.generations, indexer.feeder, indexer.tallies)
        return self.runner.run(checker.check(repair=repair, everything=everything))

    def look_again(self) -> None:
        """The indexer looks now whether its indices are still there."""
        self.indexer.forget()

    def elasticsearch(self, method: str, path: str, body: Any = None) -> Any:
        """A request of somebody else's."""
        return self.runner.run(_perform(self.client, method, path, body))

    def find(self, text: str, scope: Scope = EVERYTHING, after: str | None = None) -> Any:
        return self.runner.run(self.index.find(query(text), scope, after))

    def index_ids(self, text: str, scope: Scope = EVERYTHING) -> list[str]:
        """Of all pages."""
        page = self.find(text, scope)
        found = list(page.ids)
        while page.next is not None:
            page = self.find(text, scope, page.next)
            found += page.ids
        return found

    def ask(self, text: str, scope: Scope = EVERYTHING, *, after: str | None = None, strict: bool = False) -> Answer:
        return self.runner.run(self.searches.search(query(text), scope, after=after, strict=strict))

    def close(self) -> None:
        self.runner.run(self.index.close())
        self.runner.close()
        self.store.close()


async def _made(settings: ServerSettings) -> Any:
    return connect(settings)


async def _perform(client: Any, method: str, path: str, body: Any) -> Any:
    headers = {"accept": "application/json", "content-type": "application/json"}
    return (await client.perform_request(method, path, headers=headers, body=body)).body
