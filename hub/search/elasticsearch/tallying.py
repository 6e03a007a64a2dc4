"""What happens and is counted, in the index: look-ups, reminders, reads.

The rows of a tally are numbered in the order of their commits, and only ever added to. A thousand numbers make a block;
a document says how many of a block's rows are of one organization and one day. So it is the same whenever it is made,
and only the documents of the last block grow.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch

from hub.contracts.search import Tally
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader
from hub.search.progress import Generation, Progress

from .feeding import Feeder, Line, Place, guarded
from .generations import Generations
from .mappings import TALLIES

BLOCK = 1_000
_BLOCKS_AT_ONCE = 10
EVERY_SECONDS = 2.0
"""Between two looks whether something happened: each of them costs a commit."""
CAUGHT_UP_SECONDS = 30.0
_VERSIONS_APART = 1 << 16
"""Between the versions of two counts, so that what somebody did to a document does not outlive the next."""
_DAY_MS = 86_400_000
_OFFSET_MS = int(ZONE.utcoffset(None).total_seconds() * 1000)
_MOST = 10_000
_encode = msgspec.json.Encoder().encode

Documents = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Found:
    source: dict[str, Any]
    place: Place


class TalliesBehind(Exception):
    """What happened could not be brought into the index: it cannot be compared now."""


class Tallies:
    def __init__(
        self,
        tallies: Sequence[Tally],
        store: ResourceReader,
        progress: Progress,
        client: AsyncElasticsearch,
        generations: Generations,
        feeder: Feeder,
    ) -> None:
        self._tallies = tallies
        self._store = store
        self._progress = progress
        self._client = client
        self._generations = generations
        self._feeder = feeder
        self._looked = float("-inf")

    async def follow(self, live: Generation, seconds: float, *, now: bool = False) -> bool:
        """Write what happened since, for about so long; whether there was anything. ``now``: however short ago it was
        that this was looked at."""
        if not now and time.monotonic() - self._looked < EVERY_SECONDS:
            return False
        end = time.monotonic() + seconds
        worked = False
        for tally in self._tallies:
            worked |= await self._follow(tally, live, end)
        if time.monotonic() < end:  # else there may be more
            self._looked = time.monotonic()
        return worked

    async def _follow(self, tally: Tally, live: Generation, end: float) -> bool:
        seen = reached = await asyncio.to_thread(self._progress.tallied, live.n, tally.kind)
        newest = await asyncio.to_thread(self._newest, tally)
        while reached < newest and (time.monotonic() < end or reached == seen):
            first = reached // BLOCK
            upto = min(newest, (first + _BLOCKS_AT_ONCE) * BLOCK)
            documents = await asyncio.to_thread(self._documents, tally, first * BLOCK, upto)
            if await self._feeder.send([self._line(live, *one) for one in documents.items()]):
                break  # some are refused: the store counts until they are taken
            reached = upto
        if reached == seen:
            return False
        await self._client.indices.refresh(index=self._index(live))
        await asyncio.to_thread(self._progress.save_tallied, live.n, tally.kind, reached)
        return True

    async def check(self, live: Generation, *, repair: bool) -> dict[str, str]:
        """Documents that are not as their rows say, with what is wrong. Raises TalliesBehind."""
        wrong: dict[str, str] = {}
        for tally in self._tallies:
            newest = await self._caught_up(tally, live)
            for after in range(0, newest + 1, _BLOCKS_AT_ONCE * BLOCK):
                last = after + _BLOCKS_AT_ONCE * BLOCK > newest
                wrong |= await self._checked(tally, live, after, last=last, repair=repair)
        if repair and wrong:
            await self._client.indices.refresh(index=self._index(live))
        return wrong

    async def _checked(self, tally: Tally, live: Generation, after: int, *, last: bool, repair: bool) -> dict[str, str]:
        """``last``: whatever stands behind it too. The last block may grow meanwhile, never shrink."""
        upto = after + _BLOCKS_AT_ONCE * BLOCK
        seen = await asyncio.to_thread(self._progress.tallied, live.n, tally.kind)
        least = await asyncio.to_thread(self._documents, tally, after, min(upto, seen))
        found = await self._found(tally, live, after // BLOCK, None if last else upto // BLOCK)
        most = await asyncio.to_thread(self._documents, tally, after, upto)
        wrong = dict.fromkeys(least.keys() - found.keys(), "missing")
        for name, one in found.items():
            meant = most.get(name)
            if meant is None:
                wrong[name] = "not in the store"
            elif not _between(least.get(name), one.source, meant):
                wrong[name] = "another content"
        if repair:
            index = self._index(live)
            lines = []
            for name in wrong:
                action = "delete" if name not in most else "index" if name in found else "create"
                place = found[name].place if name in found else None
                source = b"" if action == "delete" else _encode(most[name])
                lines.append(Line(0, name, _encode({action: guarded(index, name, place)}), source))
            if lines:
                await self._feeder.send(lines)
        return wrong

    async def _caught_up(self, tally: Tally, live: Generation) -> int:
        newest = await asyncio.to_thread(self._newest, tally)
        for _ in range(int(CAUGHT_UP_SECONDS / 0.1)):
            if await asyncio.to_thread(self._progress.tallied, live.n, tally.kind) >= newest:
                return newest
            await asyncio.sleep(0.1)
        raise TalliesBehind

    async def _found(self, tally: Tally, live: Generation, first: int, end: int | None) -> dict[str, _Found]:
        within = {"gte": first} if end is None else {"gte": first, "lt": end}
        answer = await self._client.search(
            index=self._index(live), size=_MOST, seq_no_primary_term=True, allow_partial_search_results=False,
            query={"bool": {"filter": [{"term": {"type": tally.kind}}, {"range": {"block": within}}]}},
        )  # fmt: skip
        hits = answer["hits"]["hits"]
        return {hit["_id"]: _Found(hit["_source"], (hit["_seq_no"], hit["_primary_term"])) for hit in hits}

    def _newest(self, tally: Tally) -> int:
        return int(self._store.side_rows(f"SELECT max(seq) FROM ({tally.rows})")[0][0] or 0)  # noqa: S608

    def _documents(self, tally: Tally, after: int, upto: int) -> Documents:
        """Of the rows with these numbers, by id."""
        sql = (
            f"SELECT organization, (seq - 1) / {BLOCK}, (at_us / 1000 + {_OFFSET_MS}) / {_DAY_MS}, count(*)"  # noqa: S608
            f" FROM ({tally.rows}) WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3"
        )
        return {
            f"{tally.kind}/{organization}/{day}/{block}": {
                "type": tally.kind, "owner": organization, "occurred": day * _DAY_MS - _OFFSET_MS, "block": block,
                "n": count,
            }
            for organization, block, day, count in self._store.side_rows(sql, (after, upto))
        }  # fmt: skip

    def _line(self, live: Generation, name: str, source: dict[str, Any]) -> Line:
        version = source["n"] * _VERSIONS_APART
        place = {"_index": self._index(live), "_id": name, "version": version, "version_type": "external_gte"}
        return Line(0, name, _encode({"index": place}), _encode(source))

    def _index(self, live: Generation) -> str:
        return self._generations.index(live.n, TALLIES, live.mapping)


def _between(least: dict[str, Any] | None, found: dict[str, Any], most: dict[str, Any]) -> bool:
    count = found.get("n")
    return isinstance(count, int) and (least or {"n": 0})["n"] <= count <= most["n"] and {**most, "n": count} == found
