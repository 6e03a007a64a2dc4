"""The follower that keeps the index equal to the store.

It has one generation that is searched (*live*) and follows the change log behind it; and, while the index is built for
the first time, for a new mapping or on demand, one that is *filling*: it scans the resources by age from the oldest,
then follows the log, and takes over the aliases when it has caught up. Every step is saved in the store and may be
repeated, so that it can be killed anywhere.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from hub.contracts.search import Tally
from hub.search.freshness import FollowedStore
from hub.search.progress import Generation, Progress, State, Word
from hub.telemetry import events

from .connection import ServerSettings, Unusable, examine
from .feeding import Feeder, Throttled
from .generations import Generations
from .mappings import MAPPING
from .tallying import Tallies

BATCH = 4_000
VISIBLE_SECONDS = 0.5
"""While there is more to do, what was written is made searchable this often: each time costs the server."""
POLL_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
LOOK_SECONDS = 30.0
"""Between two looks whether the indices are still there."""
KEEP_OLD_SECONDS = 360.0
"""How long an index that was replaced is kept for pages that are being read from it."""

LIVE = events.declare("search.live", "info", ("generation", "documents"), "A search index was built and took over.")
AWAY = events.declare("search.away", "warning", ("error",), "The search index cannot be fed now; it is tried again.")
FILLING = events.declare("search.filling", "info", ("generation", "ceiling"), "A search index is being built.")


@dataclass(frozen=True, slots=True)
class Pace:
    """``per_second``: resources that a scan writes at most, 0 for no limit."""

    per_second: float = 0.0


class Indexer:
    """One in the whole hub. ``round`` does a piece of work and says whether there was any; ``run`` goes on for ever."""

    def __init__(
        self,
        store: FollowedStore,
        progress: Progress,
        client: AsyncElasticsearch,
        settings: ServerSettings,
        pace: Pace = Pace(),
        tallies: Sequence[Tally] = (),
    ) -> None:
        self._store = store
        self._progress = progress
        self._client = client
        self._settings = settings
        self._pace = pace
        self._generations = Generations(client, settings, progress.secret(Word.STORE_ID))
        self._feeder = Feeder(store, progress, client, self._generations)
        self._tallies = Tallies(tallies, store, progress, client, self._generations, self._feeder)
        self._looked = float("-inf")

    @property
    def tallies(self) -> Tallies:
        return self._tallies

    @property
    def generations(self) -> Generations:
        return self._generations

    @property
    def feeder(self) -> Feeder:
        return self._feeder

    def forget(self) -> None:
        """Look before the next round whether the indices are there."""
        self._looked = float("-inf")

    async def run(self, stop: asyncio.Event, after_round: Callable[[], Awaitable[None]] | None = None) -> None:
        """Until ``stop``. What goes wrong is told under ``Word.TROUBLE`` and tried again."""
        pause_seconds = POLL_SECONDS
        while not stop.is_set():
            try:
                worked = await self.round()
                if after_round is not None:
                    await after_round()
                await self._say("")
                pause_seconds = 0.0 if worked else POLL_SECONDS
            except Exception as failure:
                self.forget()
                pause_seconds = min(LONGEST_PAUSE_SECONDS, max(0.5, 2 * pause_seconds))
                AWAY.log(error=type(failure).__name__)
                await self._say(trouble_of(failure))
            await _sleep(stop, pause_seconds)

    async def round(self) -> bool:
        """Raises Unusable, Throttled and what the client raises."""
        if time.monotonic() - self._looked > LOOK_SECONDS or self._wants_rebuild():
            await self._look()
            self._looked = time.monotonic()
        worked = False
        live = await asyncio.to_thread(self._progress.live)
        if live is not None:
            worked = await self._follow(live)
            if live.mapping == MAPPING:
                worked |= await self._tallies.follow(live, VISIBLE_SECONDS)
        for filling in await asyncio.to_thread(self._progress.generations, State.FILLING):
            worked |= await self._fill(filling)
        if worked:
            # An answer of the server stands in a circle with its request, and so with all documents of that: what the
            # collector would find only after hundreds of them.
            gc.collect()
        return worked

    async def settle(self) -> None:
        """Rounds until there is nothing to do."""
        while await self.round():
            pass
        live = await asyncio.to_thread(self._progress.live)
        while live is not None and await self._tallies.follow(live, VISIBLE_SECONDS, now=True):
            pass

    # What there is

    async def _look(self) -> None:
        await examine(self._settings)
        await self._generations.examine()
        progress = self._progress
        live = await asyncio.to_thread(progress.live)
        if live is not None and not await self._usable(live):
            await asyncio.to_thread(progress.mark_gone, live)
            live = None
        filling = await asyncio.to_thread(progress.generations, State.FILLING)
        for one in filling:
            if one.mapping != MAPPING or not await self._generations.is_whole(one.n, one.mapping):
                await asyncio.to_thread(progress.mark_gone, one)
                await self._generations.remove(one.n, one.mapping)
                filling = []
        if live is not None and live.mapping == MAPPING and not await self._generations.led_to(live.n):
            await self._generations.lead_to(live.n)
        wanted = live is None or live.mapping != MAPPING or self._wants_rebuild()
        if wanted and (not filling or self._wants_rebuild()):
            await self._begin()
        await self._remove_old()

    async def _usable(self, live: Generation) -> bool:
        """A log that is shorter than the index has read was put back from a copy: the index then knows too much."""
        log = await asyncio.to_thread(self._store.mark)
        too_far = live.mark.changes > log.changes or live.mark.shares > log.shares
        return not too_far and await self._generations.is_whole(live.n, live.mapping)

    def _wants_rebuild(self) -> bool:
        return self._progress.word(Word.REBUILD) == str(self._progress.newest() or "none")

    async def _begin(self) -> None:
        for one in await asyncio.to_thread(self._progress.generations, State.FILLING):
            await self._generations.remove(one.n, one.mapping)
        mark = await asyncio.to_thread(self._store.mark)
        ceiling = await asyncio.to_thread(self._store.newest_rid)
        begun = await asyncio.to_thread(self._progress.begin, MAPPING, mark, ceiling)
        FILLING.log(generation=begun.n, ceiling=ceiling)
        await self._generations.remove(begun.n, MAPPING)
        await self._generations.create(begun.n)

    async def _remove_old(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        for one in await asyncio.to_thread(self._progress.generations, State.OLD):
            if now_ms - one.reached_ms > KEEP_OLD_SECONDS * 1000:
                await self._generations.remove(one.n, one.mapping)
                await asyncio.to_thread(self._progress.mark_gone, one)
        states = (State.FILLING, State.LIVE, State.OLD)
        known = await asyncio.to_thread(self._progress.generations, *states)
        await self._generations.remove_all_but({(one.n, one.mapping) for one in known})

    # What is to be done

    async def _follow(self, generation: Generation) -> bool:
        """Write what changed, make it searchable, and save how far it is: in this order."""
        started = time.monotonic()
        reached, written = generation.mark, 0
        while time.monotonic() - started < VISIBLE_SECONDS:
            rids, mark = await asyncio.to_thread(self._store.touched_since, reached, BATCH)
            if mark == reached:
                break
            taken = await self._feeder.write(generation, rids)
            if taken < len(rids):  # it may be the index that is not as it should be
                self.forget()
            written += taken
            reached = mark
        if reached == generation.mark:
            return False
        await self._generations.refresh(generation.n, generation.mapping)
        documents = generation.documents + written
        await asyncio.to_thread(self._progress.save, replace(generation, mark=reached, documents=documents))
        return True

    async def _fill(self, generation: Generation) -> bool:
        if generation.filled:
            if await self._follow(generation):
                return True
            await self._take_over(generation)
            return True
        started = time.monotonic()
        scanned, written = generation.scanned, 0
        while time.monotonic() - started < VISIBLE_SECONDS:
            rids = await asyncio.to_thread(self._store.live_rids, scanned, BATCH)
            rids = [rid for rid in rids if rid <= generation.ceiling]
            if not rids:
                scanned = generation.ceiling
                break
            written += await self._feeder.write(generation, rids)
            scanned = rids[-1]
            if self._pace.per_second and written / self._pace.per_second > time.monotonic() - started:
                await asyncio.sleep(written / self._pace.per_second - (time.monotonic() - started))
        documents = generation.documents + written
        await asyncio.to_thread(self._progress.save, replace(generation, scanned=scanned, documents=documents))
        return True

    async def _take_over(self, generation: Generation) -> None:
        await self._generations.refresh(generation.n, generation.mapping)
        await self._generations.lead_to(generation.n)
        await asyncio.to_thread(self._progress.make_live, generation)
        LIVE.log(generation=generation.n, documents=generation.documents)

    async def _say(self, trouble: str) -> None:
        try:
            await asyncio.to_thread(self._progress.say, Word.TROUBLE, trouble)
        except Exception as failure:
            AWAY.log(error=type(failure).__name__)


def trouble_of(failure: Exception) -> str:
    """A failure as a sentence for the operator; nothing of any document."""
    match failure:
        case Unusable():
            return str(failure)
        case Throttled():
            return "Elasticsearch takes no writes now (too many requests, or its disk is nearly full). Make room there."
        case ApiError():
            return f"Elasticsearch refuses ({failure.status_code} {failure.error}). See its log."
        case TransportError():
            return f"Elasticsearch does not answer ({type(failure).__name__}). Start it, or look at the network."
    return f"The indexer stumbled ({type(failure).__name__}) and tries again."


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
