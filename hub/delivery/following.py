"""The loop that lets followers read the change log."""

import asyncio
import contextlib
from collections.abc import Sequence

from hub.contracts.store import Change, ChangeLog, CursorStore, Follower
from hub.telemetry import events

POLL_SECONDS = 0.2
CHANGES_A_ROUND = 500
PAUSE_AFTER_FAILURE_SECONDS = 2.0

STUMBLED = events.declare(
    "follower.failed", "error", ("follower", "error"), "A follower failed on a change and will read it again."
)


async def follow(
    log: ChangeLog,
    cursors: CursorStore,
    follower: Follower,
    stop: asyncio.Event,
    *,
    types: frozenset[str] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Hand every change to ``follower``, in order and at least once, until ``stop``. With ``types`` it is shown those
    alone, and its place is saved only when it was shown something or a thousand changes went by: a log full of other
    things must not cost a commit each round."""
    done = saved = await asyncio.to_thread(cursors.load, follower.name)
    while not stop.is_set():
        pause_seconds = poll_seconds
        try:
            changes: Sequence[Change] = log.changes_since(done, CHANGES_A_ROUND)
            shown = [change for change in changes if types is None or change.type in types]
            if shown:
                await asyncio.to_thread(follower.follow, shown)
            if changes:
                done = changes[-1].sequence
                if shown or done - saved >= 2 * CHANGES_A_ROUND:
                    await asyncio.to_thread(cursors.save, follower.name, done)
                    saved = done
            if len(changes) == CHANGES_A_ROUND:
                pause_seconds = 0.0
        except Exception as failure:
            # A follower that stops for good would be worse than any single mistake of it: it is logged and comes again.
            STUMBLED.log(follower=follower.name, error=type(failure).__name__)
            pause_seconds = PAUSE_AFTER_FAILURE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_seconds)
