"""Which worker takes a new connection: the one that holds the fewest.

Workers share one listening socket. Left to the kernel, whoever wakes first takes all that wait, and four steady senders
may end on one worker while its sibling idles. Here each worker shows in shared memory how many it holds; one that leads
leaves a new connection to its siblings for a moment before it takes it itself.
"""

import asyncio
import errno
import mmap
import socket
import ssl as tls
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 0.01
"""How long a connection is left to the siblings, for each one that this worker holds more than the least busy."""
MOST_PATIENCE_SECONDS = 0.05
HANDSHAKE_SECONDS = 10.0
NO_ROOM_SECONDS = 1.0
"""Without a file descriptor or memory for one more, what waits is left waiting so long."""
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Shares:
    """How many connections of one door each worker holds. Make it before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self._numbers = memoryview(mmap.mmap(-1, max(1, workers) * 4)).cast("i")

    def held(self, worker: int) -> int:
        return self._numbers[worker]

    def hold(self, worker: int, change: int) -> None:
        self._numbers[worker] += change

    def forget(self, worker: int) -> None:
        """A worker starts: whatever one before it held is gone."""
        self._numbers[worker] = 0

    def lead(self, worker: int) -> int:
        """How many more this worker holds than the one that holds the fewest."""
        return self._numbers[worker] - min(self._numbers)


class FairAcceptor:
    """Takes connections from a listening socket on the running loop: what ``loop.create_server`` does, fairly. As long
    as its socket is open, ``close`` only ends the taking."""

    def __init__(
        self,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        listening: socket.socket,
        context: tls.SSLContext | None,
        shares: Shares,
        worker: int,
    ) -> None:
        self._make_protocol = make_protocol
        self._listening = listening
        self._context = context
        self._shares = shares
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._closed = False
        shares.forget(worker)
        listening.setblocking(False)
        self._loop.add_reader(listening.fileno(), self._knocked)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._listening.fileno())

    async def wait_closed(self) -> None:
        """There is nothing to wait for: connections that were taken belong to their protocols."""

    def _knocked(self) -> None:
        lead = self._shares.lead(self._worker)
        if lead > 0:
            self._rest(min(lead * PATIENCE_SECONDS, MOST_PATIENCE_SECONDS))
        else:
            self._take()

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening.fileno())
        self._loop.call_later(seconds, self._look_again)

    def _look_again(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self._knocked)
            self._take()

    def _take(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError as failure:  # a sibling was faster, or the client has gone
            if failure.errno in _NO_ROOM and not self._closed:
                self._rest(NO_ROOM_SECONDS)
            return
        self._shares.hold(self._worker, 1)
        task = self._loop.create_task(self._welcome(connection))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._shares.hold(self._worker, -1)

        connection.setblocking(False)
        secured: dict[str, Any] = {}
        if self._context is not None:
            secured = {"ssl": self._context, "ssl_handshake_timeout": HANDSHAKE_SECONDS}
        try:
            protocol = _releasing(self._make_protocol(), release)
            await self._loop.connect_accepted_socket(lambda: protocol, connection, **secured)
        except (OSError, EOFError):  # no handshake: noise on the door, not a fault
            release()
            connection.close()


def _releasing(protocol: asyncio.BaseProtocol, release: Callable[[], None]) -> asyncio.BaseProtocol:
    """The protocol itself, telling ``release`` when its connection is lost."""
    lost = protocol.connection_lost

    def connection_lost(error: Exception | None) -> None:
        release()
        lost(error)

    protocol.connection_lost = connection_lost  # type: ignore[method-assign, assignment]
    return protocol
