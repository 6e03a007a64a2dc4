"""Searches on the index: ids of matches in order, page by page, from one point in time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError

from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError, Gone, Unsupported
from hub.contracts.search import Activity, Found, IndexAway, Months
from hub.fhir.search import Criterion, SearchQuery, Total
from hub.search import cursor as cursors

from . import keys
from .compiling import parameters_of, query_of, sort_of
from .generations import Generations
from .mappings import TALLIES

SEARCH_SECONDS = 1.5
"""Of one page; then the store is asked."""
KEEP_ALIVE = "5m"
"""How long a point in time waits for the next page."""
MOST_CHAINED = 20_000
"""Resources that a chain or a _has may lead through, as in the store."""
MOST_OWNERS = 1_000
"""Organizations that figures tell apart."""
_PAGE = 10_000

Json = dict[str, Any]


class ElasticsearchIndex:
    """Reads alone. ``cursor_key`` is the data folder's secret; ``seconds``: how long one answer may take."""

    def __init__(
        self,
        client: AsyncElasticsearch,
        generations: Generations,
        cursor_key: str,
        *,
        seconds: float = SEARCH_SECONDS,
    ) -> None:
        self._seconds = seconds
        self._client = client
        self._generations = generations
        self._key = cursor_key
        self._closing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._client.close()

    async def find(self, query: SearchQuery, scope: Scope, after: str | None) -> Found:
        """``hub.contracts.search.SearchIndex.find``."""
        cursor = None if after is None else cursors.read(self._key, query, after)
        async with _limited(self._seconds):
            if query.summary_count and not _chained(query):
                return Found((), None, await self._count(query, scope))
            point = cursor.point_in_time if cursor else await self._open(query)
            try:
                return await self._page(query, scope, point, None if cursor is None else cursor.after)
            except BaseException:
                self._forget(point)
                raise

    def explain(self, query: SearchQuery, scope: Scope) -> Json:
        """What would be asked, with what chains lead to left open."""
        chains: dict[Criterion, Sequence[str]] = {one: ["…"] for one in query.criteria if one.chain}
        body = query_of(query, scope, chains, ["…"] if query.has else None)
        return {"index": self._generations.alias_of(query.type), "query": body, "sort": sort_of(query)}

    async def activity(self, resource_type: str, months: Months, owner: str | None) -> Activity:
        """``hub.contracts.search.SearchIndex.activity``."""
        return await self._counted(self._generations.alias_of(resource_type), resource_type, months, owner, {})

    async def tallied(self, kind: str, months: Months, owner: str | None) -> Activity:
        """``hub.contracts.search.SearchIndex.tallied``."""
        added = {"n": {"sum": {"field": "n"}}}
        return await self._counted(self._generations.alias(TALLIES), kind, months, owner, added)

    async def _counted(self, alias: str, kind: str, months: Months, owner: str | None, added: Json) -> Activity:
        """``added``: what is summed up, where a document stands for more than one."""
        filters: list[Json] = [{"term": {"type": kind}}]
        filters += [] if owner is None else [{"term": {"owner": owner}}]
        ranges = [{"key": name, "from": start, "to": end} for name, start, end in months]
        async with _limited(self._seconds):
            answer = await self._client.search(
                index=alias, size=0, query={"bool": {"filter": filters}},
                aggs={"owners": {"terms": {"field": "owner", "size": MOST_OWNERS},
                                 "aggs": {"months": {"range": {"field": "occurred", "ranges": ranges},
                                                     "aggs": added}}}},
                allow_partial_search_results=False,
            )  # fmt: skip
        owners = answer["aggregations"]["owners"]
        if owners["sum_other_doc_count"]:
            raise IndexAway(f"The search index tells no more than {MOST_OWNERS} organizations apart.")
        return {
            (owned["key"], month["key"]): int(month["n"]["value"]) if added else month["doc_count"]
            for owned in owners["buckets"]
            for month in owned["months"]["buckets"]
            if month["doc_count"]
        }

    # One page

    async def _page(self, query: SearchQuery, scope: Scope, point: str, after: list[Any] | None) -> Found:
        chains = {one: await self._targets(one, scope, point) for one in query.criteria if one.chain}
        referred = await self._referred(query, scope, point) if query.has else None
        body = query_of(query, scope, chains, referred)
        counting = query.summary_count or query.total is Total.ACCURATE
        size = 0 if query.summary_count else query.count + 1
        answer = await self._client.search(
            pit={"id": point, "keep_alive": KEEP_ALIVE},
            query=body,
            sort=sort_of(query) if size else None,
            size=size,
            search_after=after,
            track_total_hits=counting,
            source=False,
            docvalue_fields=[{"field": "id"}],
            allow_partial_search_results=False,
        )
        point = answer.get("pit_id", point)
        hits = answer["hits"]["hits"]
        ids = [hit["fields"]["id"][0] for hit in hits[: query.count]]
        total = answer["hits"]["total"]["value"] if counting else None
        if len(hits) > query.count and query.count:
            return Found(ids, cursors.write(self._key, query, point, hits[query.count - 1]["sort"]), total)
        self._forget(point)
        return Found(ids, None, total)

    async def _count(self, query: SearchQuery, scope: Scope) -> int:
        body = query_of(query, scope, {}, None)
        answer = await self._client.count(index=self._generations.alias_of(query.type), query=body)
        return int(answer["count"])

    async def _open(self, query: SearchQuery) -> str:
        names = self._generations.resource_aliases if _chained(query) else [self._generations.alias_of(query.type)]
        answer = await self._client.open_point_in_time(index=names, keep_alive=KEEP_ALIVE)
        return str(answer["id"])

    def _forget(self, point: str) -> None:
        """Let the server drop a point in time that no page will follow; nobody waits for it."""

        async def close() -> None:
            try:
                await self._client.options(request_timeout=SEARCH_SECONDS).close_point_in_time(id=point)
            except (ApiError, TransportError):
                return

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # Chains, within the same point in time

    async def _targets(self, criterion: Criterion, scope: Scope, point: str) -> list[str]:
        found: list[str] = []
        for link in criterion.chain:
            if scope.sees_type(link.param.type):
                inner = SearchQuery(link.param.type, (link,))
                hits = await self._all(inner, scope, point, [{"field": "id"}])
                found += [f"{link.param.type}/{hit['fields']['id'][0]}" for hit in hits]
        return found

    async def _referred(self, query: SearchQuery, scope: Scope, point: str) -> list[str]:
        """Ids of what every ``_has`` leads to."""
        ids: set[str] | None = None
        for has in query.has:
            found: set[str] = set()
            if scope.sees_type(has.param.type):
                starts = [keys.reference_key(p, f"{query.type}/") for p in parameters_of(has.param)]
                inner = SearchQuery(has.param.type, (has.criterion,))
                for hit in await self._all(inner, scope, point, [{"field": "reference"}]):
                    for one in hit.get("fields", {}).get("reference", ()):
                        found |= {one[len(start) :] for start in starts if one.startswith(start)}
            ids = found if ids is None else ids & found
        return sorted(ids or ())

    async def _all(self, inner: SearchQuery, scope: Scope, point: str, fields: list[Json]) -> list[Any]:
        chains = {one: await self._targets(one, scope, point) for one in inner.criteria if one.chain}
        body = query_of(inner, scope, chains, None)
        found: list[Any] = []
        after: list[Any] | None = None
        while True:
            answer = await self._client.search(
                pit={"id": point, "keep_alive": KEEP_ALIVE}, query=body, sort=[{"rid": "asc"}], size=_PAGE,
                search_after=after, track_total_hits=False, source=False, docvalue_fields=fields,
                allow_partial_search_results=False,
            )  # fmt: skip
            hits = answer["hits"]["hits"]
            found += hits
            if len(found) > MOST_CHAINED:
                raise Unsupported(
                    f"More than {MOST_CHAINED} resources meet the chained part of the search.",
                    remedy="Narrow it.",
                    issue_code="too-costly",
                )
            if len(hits) < _PAGE:
                return found
            after = hits[-1]["sort"]


def _chained(query: SearchQuery) -> bool:
    return bool(query.has) or any(one.chain for one in query.criteria)


@asynccontextmanager
async def _limited(seconds: float) -> AsyncIterator[None]:
    """What goes wrong at the server as IndexAway, within the time of a search."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except ExchangeError:
        raise
    except TimeoutError:
        raise IndexAway(f"The search index did not answer within {seconds:g} s.") from None
    except NotFoundError as failure:
        if "search_context" in str(failure.body):
            raise Gone(
                "The point in time of this page is over.",
                remedy="Search again from the first page.",
                issue_code="expired",
            ) from None
        raise IndexAway("The search index is not there.") from None
    except ApiError as failure:
        raise IndexAway(f"The search index refuses (status {failure.status_code}).") from None
    except TransportError as failure:
        raise IndexAway(f"The search index cannot be reached ({type(failure).__name__}).") from None
