"""The loop that reads examinations again after a clinic's code map has changed."""

import asyncio
import contextlib

from hub.contracts.store import ResourceStore
from hub.exams.rereading import step
from hub.telemetry import events

POLL_SECONDS = 0.5
PAUSE_AFTER_FAILURE_SECONDS = 5.0
STUMBLED = events.declare(
    "exams.rereading-failed", "error", ("error",), "A round of reading again failed and will come again."
)


async def reread(store: ResourceStore, stop: asyncio.Event) -> None:
    """Work off what was asked for, a few resources at a time, until ``stop``."""
    while not stop.is_set():
        pause_seconds = POLL_SECONDS
        try:
            if await asyncio.to_thread(step, store):
                pause_seconds = 0.01
        except Exception as failure:
            STUMBLED.log(error=type(failure).__name__)
            pause_seconds = PAUSE_AFTER_FAILURE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)
