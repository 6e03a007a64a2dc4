"""How the store's answers come back to the event loop: all that one commit settles, by one call.

``asyncio.wrap_future`` wakes the loop once a message; a commit settles a hundred messages at a time.
"""

import asyncio
import contextlib
from collections import deque
from concurrent.futures import Future

from hub.contracts.submission import Receipt

_Waiting = asyncio.Future[None]


class Settled:
    """For one event loop; made on it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._done: deque[_Waiting] = deque()
        self._called = False

    async def receipt(self, future: Future[Receipt]) -> Receipt:
        """The result of ``future``, or what it failed with."""
        if not future.done():
            waiting: _Waiting = self.loop.create_future()
            future.add_done_callback(lambda _: self._settle(waiting))
            try:
                await waiting
            except asyncio.CancelledError:
                future.cancel()
                raise
        return future.result()

    def _settle(self, waiting: _Waiting) -> None:
        """In the thread that commits. Appended first, asked then: a delivery that begins in between takes it along."""
        self._done.append(waiting)
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._called = False
        while self._done:
            waiting = self._done.popleft()
            if not waiting.done():
                waiting.set_result(None)
