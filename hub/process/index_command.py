"""``hub index``: the search index as an operator sees and mends it, with a running hub or without."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from hub.app.indexing import IndexRoom, opened_index
from hub.app.parts import Parts, compose
from hub.process.folder import running_doors
from hub.search.state import IndexState, degraded
from hub.settings import Settings, SettingsError

PROGRESS_SECONDS = 1.0


def index_command(settings: Settings, action: str, *, everything: bool) -> int:
    """0 where all is well; 1 where the index differs from the store or cannot be reached; 2 (SettingsError) where none
    is set."""
    if not settings.search.urls:
        raise SettingsError("No search index is set. Give --elasticsearch URL or set HUB_SEARCH__ELASTICSEARCH_URL.")
    if not (settings.data_dir / "hub.sqlite").exists():
        raise SettingsError(f"{settings.data_dir} holds no hub. Give the right --data-dir.")
    parts = compose(settings)
    try:
        if action == "status":
            return _status(parts)
        running = running_doors(settings.data_dir) is not None
        work: Callable[[IndexRoom], Awaitable[int]]
        if action == "rebuild":
            work = lambda room: _rebuild(parts, room, running=running)  # noqa: E731
        else:
            work = lambda room: _check(room, running=running, repair=action == "repair", everything=everything)  # noqa: E731
        return asyncio.run(_with_room(parts, work))
    finally:
        parts.close()


async def _with_room(parts: Parts, work: Callable[[IndexRoom], Awaitable[int]]) -> int:
    async with opened_index(parts.settings.search, parts.store) as room:
        try:
            return await work(room)
        except Exception as failure:
            print(f"hub: {room.trouble_of(failure)}", file=sys.stderr)
            return 1


def _status(parts: Parts) -> int:
    state = parts.index_state()
    assert state is not None  # noqa: S101 - an index is set
    _show(state)
    for sentence in degraded(state):
        print(f"! {sentence}")
    for one in parts.refused_documents():
        print(f"  {one.reference}: {one.reason}")
    return 1 if degraded(state) else 0


def _show(state: IndexState) -> None:
    print(f"live: {'yes' if state.live else 'no'}, written {state.documents}")
    print(f"behind: {state.behind_changes} changes, {state.behind_seconds:.1f} s")
    print(f"refused: {state.refused}")
    if state.building is not None:
        print(_progress(state))
    if state.checked:
        checked = state.checked
        print(f"last check: {checked['at']}, {checked['differing']} differed, {checked['repaired']} repaired")


def _progress(state: IndexState) -> str:
    building = state.building
    if building is None:
        return "built"
    share = 100 * building.scanned / max(1, building.ceiling)
    left = "" if building.seconds_left is None else f", {building.seconds_left:.0f} s left"
    return f"building: {share:.1f} %, {building.documents} documents{left}"


async def _check(room: IndexRoom, *, running: bool, repair: bool, everything: bool) -> int:
    if not running:
        await room.indexer.settle()
    report = await room.checker.check(repair=repair, everything=everything)
    for reference, what in report.listed:
        print(f"{reference}: {what}")
    print(
        f"{report.documents} documents, {report.compared} compared whole: {report.differing} differ, "
        f"{report.repaired} repaired."
    )
    return 1 if report.differing > report.repaired else 0


async def _rebuild(parts: Parts, room: IndexRoom, *, running: bool) -> int:
    """A running hub builds it, and this waits; else it is built here."""
    wanted = await asyncio.to_thread(room.progress.ask_for_rebuild)
    shown = 0.0
    while True:
        if not running:
            await room.indexer.round()
        live = await asyncio.to_thread(room.progress.live)
        if live is not None and live.n > wanted:
            print(f"live: generation {live.n}, {live.documents} documents")
            return 0
        if time.monotonic() - shown > PROGRESS_SECONDS:
            state = await asyncio.to_thread(parts.index_state)
            if state is not None:
                print(_progress(state) if state.building else state.trouble or "waiting", flush=True)
            shown = time.monotonic()
        await asyncio.sleep(0.2 if running else 0)
