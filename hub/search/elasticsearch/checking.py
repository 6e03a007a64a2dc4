"""Whether the index is what the store would make of it, and the repair of what is not.

Resources are compared in slices of their age: per type the number of documents and the sum of their state numbers. A
slice that differs is compared one by one. A sample (or all) is compared field by field with the document that would be
made now. What seems to differ is looked at again after a moment: it may only have been on its way.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from elasticsearch import AsyncElasticsearch

from hub.contracts.search import Counted, IndexedStore
from hub.search.progress import Generation, Progress, Word
from hub.telemetry import events

from .document import check_number, document
from .feeding import Feeder, Place
from .generations import Generations
from .mappings import MAPPING
from .tallying import Tallies, TalliesBehind

SLICE = 10_000
"""Ages in one slice; also the most documents that one request lists."""
SAMPLE = 500
"""Documents that a check compares whole, unless all are asked for."""
LISTED = 200
CAUGHT_UP_SECONDS = 30.0
_TYPES = 200

CHECKED = events.declare(
    "search.checked", "info", ("documents", "differing", "repaired"), "The index was compared with the store."
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """``differing``: references with what is wrong, at most ``LISTED``. ``compared``: documents looked at whole."""

    at: str
    documents: int
    compared: int
    differing: int
    repaired: int
    listed: tuple[tuple[str, str], ...]


class NotCaughtUp(Exception):
    """The index is behind, or there is none: it cannot be compared now."""


class Checker:
    def __init__(
        self,
        store: IndexedStore,
        progress: Progress,
        client: AsyncElasticsearch,
        generations: Generations,
        feeder: Feeder,
        tallies: Tallies,
    ) -> None:
        self._store = store
        self._progress = progress
        self._client = client
        self._generations = generations
        self._feeder = feeder
        self._tallies = tallies

    async def check(self, *, repair: bool, everything: bool = False) -> Report:
        """Raises NotCaughtUp, and what the client raises where the server is away."""
        live = await self._caught_up()
        if repair:
            await self._feeder.try_refused(live)
            await self._generations.refresh(live.n, live.mapping)
        newest = await asyncio.to_thread(self._store.newest_rid)
        suspects: dict[str, str] = {}
        documents = 0
        samples: list[int] = []
        chance = random.Random(live.reached_ms)  # noqa: S311 - which documents a check looks at is no secret
        share = 1.0 if everything else SAMPLE / max(1, live.documents, SAMPLE)
        for after in range(0, newest, SLICE):
            ours = await asyncio.to_thread(self._census, after)
            documents += len(ours)
            if await self._differs(live, after, ours):
                suspects |= await self._differences(live, after, ours)
            samples += [one.rid for one in ours if chance.random() < share]
        for at in range(0, len(samples), 500):
            suspects |= await self._compared(live, samples[at : at + 500])
        places: dict[str, Place | None] = {}
        confirmed = await self._confirmed(suspects, places) if suspects else {}
        repaired = await self._repaired(confirmed, places) if repair and confirmed else 0
        if live.mapping == MAPPING:
            try:
                confirmed |= (tallied := await self._tallies.check(live, repair=repair))
            except TalliesBehind:
                raise NotCaughtUp from None
            repaired += len(tallied) if repair else 0
        report = Report(
            datetime.now(UTC).isoformat(timespec="seconds"), documents, len(samples), len(confirmed), repaired,
            tuple(sorted(confirmed.items())[:LISTED]),
        )  # fmt: skip
        kept = {name: value for name, value in asdict(report).items() if name != "listed"}
        await asyncio.to_thread(self._progress.say, Word.CHECKED, msgspec.json.encode(kept).decode())
        CHECKED.log(documents=documents, differing=report.differing, repaired=repaired)
        return report

    async def _caught_up(self) -> Generation:
        """The live generation once it has seen what was committed when this was called."""
        asked = await asyncio.to_thread(self._store.mark)
        for _ in range(int(CAUGHT_UP_SECONDS / 0.1)):
            live = await asyncio.to_thread(self._progress.live)
            if live is not None and live.mark.changes >= asked.changes and live.mark.shares >= asked.shares:
                return live
            await asyncio.sleep(0.1)
        raise NotCaughtUp

    def _census(self, after: int) -> list[Counted]:
        return list(self._store.census(after, after + SLICE))

    async def _differs(self, live: Generation, after: int, ours: Sequence[Counted]) -> bool:
        numbers: Counter[str] = Counter()
        sums: Counter[str] = Counter()
        for one in ours:
            numbers[one.type] += 1
            sums[one.type] += check_number(one.type, one.id, one.version, one.shares)
        answer = await self._client.search(
            index=self._indices(live), size=0, query=_slice(after),
            aggs={"types": {"terms": {"field": "type", "size": _TYPES}, "aggs": {"sum": {"sum": {"field": "check"}}}}},
        )  # fmt: skip
        theirs = {one["key"]: (one["doc_count"], int(one["sum"]["value"])) for one in _buckets(answer)}
        return theirs != {name: (number, sums[name]) for name, number in numbers.items()}

    async def _differences(self, live: Generation, after: int, ours: Sequence[Counted]) -> dict[str, str]:
        expected = {f"{one.type}/{one.id}": check_number(one.type, one.id, one.version, one.shares) for one in ours}
        answer = await self._client.search(
            index=self._indices(live), size=SLICE, query=_slice(after), source=False,
            docvalue_fields=[{"field": "check"}],
        )  # fmt: skip
        found = {hit["_id"]: int(hit["fields"]["check"][0]) for hit in answer["hits"]["hits"]}
        return {
            **dict.fromkeys(expected.keys() - found.keys(), "missing"),
            **dict.fromkeys(found.keys() - expected.keys(), "not in the store"),
            **{name: "another version" for name in found.keys() & expected.keys() if found[name] != expected[name]},
        }

    async def _compared(self, live: Generation, rids: Sequence[int]) -> dict[str, str]:
        """Documents that are not what would be made now."""
        expected = await asyncio.to_thread(self._documents, rids)
        return await self._unlike(live, expected, {})

    def _documents(self, rids: Sequence[int]) -> dict[str, tuple[str, Json | None]]:
        """(type, document) by reference; None where it is deleted."""
        found: dict[str, tuple[str, Json | None]] = {}
        for one in self._store.indexed(rids):
            try:
                found[one.reference] = (one.type, document(one) if one.body else None)
            except Exception:  # noqa: S112 - such a resource stands on the list of the refused
                continue
        return found

    async def _unlike(
        self, live: Generation, expected: dict[str, tuple[str, Json | None]], places: dict[str, Place | None]
    ) -> dict[str, str]:
        """``places`` learns where each document stood."""
        if not expected:
            return {}
        docs = [
            {"_index": self._generations.index_of(live.n, kind, live.mapping), "_id": reference}
            for reference, (kind, _) in expected.items()
        ]
        answer = await self._client.mget(docs=docs)
        unlike = {}
        for got, (reference, (_, meant)) in zip(answer["docs"], expected.items(), strict=True):
            source = got.get("_source") if got.get("found") else None
            places[reference] = (got["_seq_no"], got["_primary_term"]) if source is not None else None
            if source is None and meant is not None:
                unlike[reference] = "missing"
            elif source is not None and meant is None:
                unlike[reference] = "not in the store"
            elif meant is not None and source != msgspec.json.decode(msgspec.json.encode(meant)):
                unlike[reference] = "another content"
        return unlike

    async def _confirmed(self, suspects: dict[str, str], places: dict[str, Place | None]) -> dict[str, str]:
        """Those that still differ when the index has seen everything up to now; refused documents are no drift."""
        live = await self._caught_up()
        names = sorted(suspects)
        rids = await asyncio.to_thread(self._store.rids_of, names)
        refused = {one.reference for one in await asyncio.to_thread(self._progress.refused, 1 << 30)}
        confirmed: dict[str, str] = {}
        for at in range(0, len(names), 500):
            chunk = [name for name in names[at : at + 500] if name not in refused]
            expected = await asyncio.to_thread(self._documents, [rids[name] for name in chunk if name in rids])
            for name in chunk:
                if name not in rids:
                    expected[name] = (name.partition("/")[0], None)
            confirmed |= await self._unlike(live, expected, places)
        return confirmed

    async def _repaired(self, confirmed: dict[str, str], places: dict[str, Place | None]) -> int:
        """Written anew from the store; what the store does not know is removed."""
        live = await self._caught_up()
        rids = await asyncio.to_thread(self._store.rids_of, list(confirmed))
        written = list(rids.values())
        for at in range(0, len(written), 500):
            await self._feeder.overwrite(live, written[at : at + 500], places)
        await self._feeder.remove(live, {name: places[name] for name in confirmed if name not in rids})
        await self._generations.refresh(live.n, live.mapping)
        return len(confirmed)

    def _indices(self, live: Generation) -> list[str]:
        return self._generations.indices(live.n, live.mapping)


def _slice(after: int) -> Json:
    return {"range": {"rid": {"gt": after, "lte": after + SLICE}}}


def _buckets(answer: Any) -> list[Any]:
    found: list[Any] = answer["aggregations"]["types"]["buckets"]
    return found
