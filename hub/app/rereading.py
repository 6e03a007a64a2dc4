"""The loops of the duplicate check: reading examinations again after a code map has changed, forgetting names that
nobody will map, muting what nobody heeds."""

import asyncio
import contextlib
from collections.abc import Callable

from hub.cds.default_muting import mute_unheeded
from hub.contracts.caller import Caller, Role
from hub.exams.code_maps.rereading import step
from hub.exams.code_maps.unread import forget_rare
from hub.store.sqlite import SqliteResourceStore
from hub.telemetry import events

POLL_SECONDS = 0.5
MUTE_SECONDS = 3600.0
FORGET_SECONDS = 86_400.0
PAUSE_AFTER_FAILURE_SECONDS = 5.0
_HUB = Caller("hub", Role.SERVICE, "hub")
STUMBLED = events.declare(
    "exams.round-failed", "error", ("follower", "error"), "A round of the duplicate check failed and will come again."
)


async def reread(store: SqliteResourceStore, stop: asyncio.Event) -> None:
    """Work off what was asked for, a few resources at a time, until ``stop``."""
    await _rounds("rereading", stop, lambda: 0.01 if step(store) else POLL_SECONDS)


async def mute(store: SqliteResourceStore, stop: asyncio.Event) -> None:
    """Once an hour, until ``stop``."""

    def once() -> float:
        mute_unheeded(store)
        return MUTE_SECONDS

    await _rounds("muting", stop, once)


async def forget(store: SqliteResourceStore, stop: asyncio.Event) -> None:
    """Once a day, until ``stop``."""

    def once() -> float:
        store.act(forget_rare, _HUB).result()
        return FORGET_SECONDS

    await _rounds("forgetting", stop, once)


async def _rounds(name: str, stop: asyncio.Event, once: Callable[[], float]) -> None:
    """``once`` says after how many seconds it wants to run again."""
    while not stop.is_set():
        try:
            pause_seconds = await asyncio.to_thread(once)
        except Exception as failure:
            STUMBLED.log(follower=name, error=type(failure).__name__)
            pause_seconds = PAUSE_AFTER_FAILURE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)
