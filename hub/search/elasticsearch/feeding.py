"""Documents on their way into the index: made from the store as it stands, sent by ``_bulk``.

Every document carries a version that grows with the resource's (``version_type=external_gte``): what is sent twice is
there once, and what was held up on the way cannot take the place of something newer.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch

from hub.contracts.search import Indexed, IndexedStore
from hub.search.progress import Generation, Progress, Refused

from .document import document, version_of
from .generations import Generations

MOST_BYTES = 4 << 20
"""Of one _bulk request."""
AT_ONCE = 1_000
"""Documents that are made while those before them are on their way."""
TRIES = 6
"""Of what the server had no room for, with growing pauses; then the round is given up and comes again."""
FIRST_PAUSE_SECONDS = 0.1
_BUSY = frozenset({429, 502, 503, 504})
_encode = msgspec.json.Encoder().encode


Place = tuple[int, int]
"""Sequence number and primary term of a document, by which a change since then is noticed."""


class Throttled(Exception):
    """The server has no room for writes now; nothing is lost, the same documents come again."""


@dataclass(slots=True)
class Line:
    """One document to be written, or to be removed where ``source`` is empty."""

    rid: int
    reference: str
    action: bytes
    source: bytes = b""


@dataclass(slots=True)
class _Made:
    lines: list[Line] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class Feeder:
    """Writes resources by their rids into the indices of a generation. One at a time."""

    def __init__(
        self, store: IndexedStore, progress: Progress, client: AsyncElasticsearch, generations: Generations
    ) -> None:
        self._store = store
        self._progress = progress
        self._client = client
        self._generations = generations
        self._refused = {one.rid for one in progress.refused(1 << 30)}

    async def write(self, generation: Generation, rids: Sequence[int]) -> int:
        """How many are now as the store has them. A document that the server will not take is put on the list of the
        refused, alone. Raises Throttled, and what the client raises where the server is away."""
        refused: list[Refused] = []
        sending: asyncio.Task[list[Refused]] | None = None
        try:
            for at in range(0, len(rids), AT_ONCE):
                made = await asyncio.to_thread(self._made, generation, rids[at : at + AT_ONCE])
                refused += made.refused
                if sending is not None:
                    refused += await sending
                sending = asyncio.create_task(self._send_all(made.lines))
            if sending is not None:
                refused += await sending
        finally:
            if sending is not None:
                sending.cancel()
        bad = {one.rid for one in refused}
        if bad:  # what stands there is of an older version: nothing is better than that
            await self.send(await asyncio.to_thread(self._removals, generation, sorted(bad)))
        taken = [rid for rid in rids if rid in self._refused and rid not in bad]
        if refused or taken:
            await asyncio.to_thread(self._progress.note_refused, refused, taken)
            self._refused = (self._refused | bad) - set(taken)
        return len(rids) - len(bad)

    async def _send_all(self, lines: Sequence[Line]) -> list[Refused]:
        return [one for some in _requests(lines) for one in await self.send(some)]

    async def overwrite(self, generation: Generation, rids: Sequence[int], seen: Mapping[str, Place | None]) -> None:
        """As ``write``, whatever version stands there: for what differs though it should not. ``seen``: where the
        document stood when that was found out, None where there was none; what was written since is left alone."""
        made = await asyncio.to_thread(self._made, generation, rids, seen)
        for lines in _requests(made.lines):
            await self.send(lines)

    async def remove(self, generation: Generation, seen: Mapping[str, Place | None]) -> None:
        """Documents of what the store does not know."""
        lines = []
        for reference, place in seen.items():
            index = self._generations.index_of(generation.n, reference.partition("/")[0], generation.mapping)
            if place is not None:
                lines.append(Line(0, reference, _encode({"delete": guarded(index, reference, place)})))
        for some in _requests(lines):
            await self.send(some)

    async def try_refused(self, generation: Generation) -> None:
        """Once more what was refused: its server may have been mended."""
        refused = [one.rid for one in await asyncio.to_thread(self._progress.refused, 1 << 30)]
        for at in range(0, len(refused), 500):
            await self.write(generation, refused[at : at + 500])

    def _removals(self, generation: Generation, rids: Sequence[int]) -> list[Line]:
        found = []
        for one in self._store.indexed(rids):
            index = self._generations.index_of(generation.n, one.type, generation.mapping)
            found.append(Line(one.rid, one.reference, _encode({"delete": _place(one, index)})))
        return found

    def _made(
        self, generation: Generation, rids: Sequence[int], seen: Mapping[str, Place | None] | None = None
    ) -> _Made:
        made = _Made()
        for one in self._store.indexed(rids):
            index = self._generations.index_of(generation.n, one.type, generation.mapping)
            try:
                made.lines.append(_line(one, index) if seen is None else _forced(one, index, seen.get(one.reference)))
            except Exception as failure:
                # Whatever one resource holds must not stop all others.
                made.refused.append(_refused(one.rid, one.reference, f"{type(failure).__name__} while it was read"))
        return made

    async def send(self, lines: Sequence[Line]) -> list[Refused]:
        """Those that the server will not take. Raises Throttled, and what the client raises."""
        refused: list[Refused] = []
        pause_seconds = FIRST_PAUSE_SECONDS
        for _ in range(TRIES):
            try:
                parts: Any = [part for line in lines for part in (line.action, line.source) if part]
                answer = await self._client.bulk(
                    operations=parts,
                    filter_path="errors,items.*.status,items.*.error.type,items.*.error.caused_by.type",
                )
            except ApiError as failure:
                if failure.status_code not in _BUSY:
                    raise
                again: list[Line] = list(lines)
            else:
                if not answer.get("errors"):
                    return refused
                again = []
                for line, item in zip(lines, answer["items"], strict=True):
                    ((_, told),) = item.items()
                    status = told["status"]
                    if status in _BUSY or "block" in told.get("error", {}).get("type", ""):
                        again.append(line)
                    elif status >= 400 and status not in (404, 409):
                        refused.append(_refused(line.rid, line.reference, _reason(told)))
                if not again:
                    return refused
            lines = again
            await asyncio.sleep(pause_seconds)
            pause_seconds *= 2
        raise Throttled


def _line(one: Indexed, index: str) -> Line:
    place = _place(one, index)
    if not one.body:
        return Line(one.rid, one.reference, _encode({"delete": place}))
    return Line(one.rid, one.reference, _encode({"index": place}), _encode(document(one)))


def _place(one: Indexed, index: str) -> dict[str, object]:
    return {"_index": index, "_id": one.reference, "version": version_of(one), "version_type": "external_gte"}


def _forced(one: Indexed, index: str, place: Place | None) -> Line:
    if not one.body:
        return Line(one.rid, one.reference, _encode({"delete": guarded(index, one.reference, place)}))
    action = "create" if place is None else "index"
    return Line(one.rid, one.reference, _encode({action: guarded(index, one.reference, place)}), _encode(document(one)))


def guarded(index: str, reference: str, place: Place | None) -> dict[str, object]:
    """Where a document goes, unless it was changed since it stood at ``place``."""
    guard = {} if place is None else {"if_seq_no": place[0], "if_primary_term": place[1]}
    return {"_index": index, "_id": reference, **guard}


def _requests(lines: Sequence[Line]) -> list[list[Line]]:
    """Cut where a request is full."""
    found: list[list[Line]] = [[]]
    size = 0
    for line in lines:
        if size > MOST_BYTES:
            found.append([])
            size = 0
        found[-1].append(line)
        size += len(line.action) + len(line.source)
    return [one for one in found if one]


def _reason(told: dict[str, object]) -> str:
    """Of the server's own words the classes alone: the rest may quote the document."""
    error = told.get("error")
    if not isinstance(error, dict):
        return f"status {told['status']}"
    cause = error.get("caused_by")
    inner = f", {cause['type']}" if isinstance(cause, dict) and "type" in cause else ""
    return f"{error.get('type', 'error')}{inner} (status {told['status']})"


def _refused(rid: int, reference: str, reason: str) -> Refused:
    return Refused(rid, reference, reason, time.time_ns() // 1_000_000)
