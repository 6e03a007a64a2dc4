"""The MLLP listener: many messages on a connection, answered in order (HL7 transport specification, MLLP release 1).

Bounded in everything a sender may do: bytes of a message, bytes of all unfinished messages, connections, messages in
flight, time for a message to arrive, time for an answer to be taken. What is cut off in the middle leaves nothing.
"""

import asyncio
import contextlib
import socket
import ssl as tls
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol, cast

from hub.contracts.errors import Busy, ExchangeError, TooLarge
from hub.contracts.far_end import FarEnd, certificate_names
from hub.telemetry import metrics

from . import ack
from .mllp_frames import FRAME_END, START, FrameError, Frames
from .refusal import MessageIncorrect

Receive = Callable[[bytes, FarEnd], Awaitable[bytes]]
"""``Hl7v2Ingest.receive``."""


class Accepting(Protocol):
    """What takes connections, until ``close``."""

    def close(self) -> None: ...


Accept = Callable[[Callable[[], asyncio.Protocol]], Accepting]
"""Begins to take connections, each with a protocol that it makes."""

LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024
LARGEST_WAITING_BYTES = 256 * 1024 * 1024
"""All unfinished and unanswered messages of one listener together."""
MOST_IN_FLIGHT = 16
"""Messages of one connection that are worked on at once; more wait in the sender's socket."""
SWEEP_SECONDS = 1.0
UNFRAMED_SECONDS = 3.0
"""How long something without a VT before it may lie there before its sender is told."""
LINGER_SECONDS = 3.0
"""After a last answer the connection is read on and what comes thrown away, so that a reset does not overtake it."""

MESSAGES = metrics.describe("hub_mllp_messages_total", "HL7 v2 messages answered over MLLP.")
DROPPED = metrics.describe("hub_mllp_dropped_total", "MLLP connections given up by the hub, by reason.")


class MllpListener:
    """Serves one listening socket. Made by ``serve``; everything here runs on one event loop."""

    def __init__(
        self,
        receive: Receive,
        *,
        max_message_bytes: int,
        max_connections: int,
        idle_timeout_seconds: float,
        message_timeout_seconds: float,
    ) -> None:
        self.receive = receive
        self.max_message_bytes = max_message_bytes
        self.waiting_bytes = 0
        self.draining = False
        self.connections: set[MllpConnection] = set()
        self._max_connections = max_connections
        self._idle_seconds, self._message_seconds = idle_timeout_seconds, message_timeout_seconds
        self._server: Accepting | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._all_gone: asyncio.Event | None = None

    def start(self, accept: Accept) -> None:
        self._server = accept(lambda: MllpConnection(self))
        self._begin_sweeping()

    async def start_on(self, sock: socket.socket, ssl: tls.SSLContext | None) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: MllpConnection(self),
            sock=sock,
            ssl=ssl,
            backlog=1024,
            ssl_handshake_timeout=10.0 if ssl is not None else None,
        )
        self._begin_sweeping()

    def _begin_sweeping(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeper = loop.create_task(self._sweep())

    async def close(self, deadline_seconds: float = 20.0) -> None:
        """Take no more connections and no more messages; answer those that are whole; then hang up."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.drain()
        if self.connections:
            self._all_gone = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), deadline_seconds)
        for connection in list(self.connections):
            connection.hang_up("drain")

    def gone(self, connection: "MllpConnection") -> None:
        self.connections.discard(connection)
        if not self.connections and self._all_gone is not None:
            self._all_gone.set()

    def admits(self) -> bool:
        return not self.draining and len(self.connections) < self._max_connections

    async def _sweep(self) -> None:
        """One timer for all connections: idle ones, and messages or answers that take too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self.connections):
                since = now - connection.since
                if connection.unframed and since > UNFRAMED_SECONDS:
                    connection.refuse_unframed()
                elif connection.late and since > self._message_seconds:
                    connection.hang_up("slow")
                elif connection.idle and since > self._idle_seconds:
                    connection.hang_up("idle")


class MllpConnection(asyncio.Protocol):
    """One sender."""

    def __init__(self, listener: MllpListener) -> None:
        self._listener = listener
        self._frames = Frames(listener.max_message_bytes)
        self._answers: deque[tuple[asyncio.Future[bytes], int]] = deque()
        self._backlog: deque[bytes] = deque()
        self._counted_bytes = 0
        self._write_stopped = False
        self._reading = True
        self._closing = self._lingering = False
        self._last_words = b""
        self.since = 0.0
        """Loop time of the last step forward: a frame begun, a frame ended, an answer sent."""

    @property
    def late(self) -> bool:
        """Waiting for the sender: for the rest of a frame, or to take an answer."""
        return self._write_stopped or (self._frames.incomplete and not self._answers)

    @property
    def unframed(self) -> bool:
        """Something lies there that no VT stands before."""
        return not self._closing and bool(self._frames.unframed())

    @property
    def idle(self) -> bool:
        return not self._answers and not self._backlog and not self._frames.incomplete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        transport = self._transport
        place = transport.get_extra_info("peername")
        names = certificate_names(transport.get_extra_info("peercert"))
        self._far_end = FarEnd(str(place[0]) if place else "", names)
        self.since = asyncio.get_running_loop().time()
        if not self._listener.admits():
            metrics.count(DROPPED, reason="too many connections")
            transport.abort()
            return
        transport.set_write_buffer_limits(high=1024 * 1024)
        connected = transport.get_extra_info("socket")
        if connected is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._listener.gone(self)
        self._listener.waiting_bytes -= self._counted_bytes
        self._counted_bytes = 0
        self._backlog.clear()
        # What was handed to the store goes on: the sender asks again and gets the same answer.

    def data_received(self, data: bytes) -> None:
        if self._closing or self._listener.draining:
            return
        was_idle = not self._frames.incomplete
        messages = self._frames.feed(data)
        if was_idle or messages:
            self.since = asyncio.get_running_loop().time()
        self._backlog.extend(messages)
        if self._frames.error is not None:
            self._refuse_frame(self._frames.error)
        self._count()
        self._start_more()

    def eof_received(self) -> bool:
        """The sender writes no more; what is whole is still answered. A frame without end is dropped."""
        if self._answers or self._backlog:
            self.drain()
            return self._transport.get_extra_info("sslcontext") is None  # TLS knows no half-closed connection
        return False

    def pause_writing(self) -> None:
        self._write_stopped = True
        self.since = asyncio.get_running_loop().time()
        self._pause_reading(True)

    def resume_writing(self) -> None:
        self._write_stopped = False
        self._start_more()

    def drain(self) -> None:
        """Take nothing more, answer what is whole, hang up."""
        self._closing = True
        self._frames.clear()
        self._count()
        self._pause_reading(False)
        self._close_when_done()

    def hang_up(self, reason: str) -> None:
        metrics.count(DROPPED, reason=reason)
        self._transport.abort()

    def refuse_unframed(self) -> None:
        self._refuse_frame(FrameError(False, self._frames.unframed()))
        self._close_when_done()

    def _start_more(self) -> None:
        while self._backlog and len(self._answers) < MOST_IN_FLIGHT and not self._write_stopped:
            message = self._backlog.popleft()
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._answers.append((task, len(message)))
            task.add_done_callback(self._send_answers)
        self._pause_reading((bool(self._backlog) or self._write_stopped) and not self._closing)

    async def _answer(self, message: bytes) -> bytes:
        return await self._listener.receive(message, self._far_end)

    def _send_answers(self, _: asyncio.Future[bytes]) -> None:
        """Those at the head of the line that are ready: answers keep the order of the messages."""
        ready: list[bytes] = []
        while self._answers and self._answers[0][0].done():
            task, _size = self._answers.popleft()
            if task.cancelled() or task.exception() is not None:
                self.hang_up("fault")
                return
            ready += (START, task.result(), FRAME_END)
        if not ready or self._transport.is_closing():
            return
        metrics.count(MESSAGES, len(ready) // 3)
        self.since = asyncio.get_running_loop().time()
        self._transport.write(b"".join(ready))
        self._count()
        self._start_more()
        self._close_when_done()

    def _close_when_done(self) -> None:
        if not self._closing or self._answers or self._backlog or self._transport.is_closing():
            return
        last_words, self._last_words = self._last_words, b""
        if not last_words:
            if not self._lingering or self._listener.draining:
                self._transport.close()
            return
        self._lingering = True
        self._transport.write(last_words)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    def _pause_reading(self, stop: bool) -> None:
        if stop == self._reading and not self._transport.is_closing():
            self._reading = not stop
            if stop:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _count(self) -> None:
        held = self._frames.waiting_bytes + sum(map(len, self._backlog)) + sum(size for _, size in self._answers)
        listener = self._listener
        listener.waiting_bytes += held - self._counted_bytes
        self._counted_bytes = held
        if listener.waiting_bytes > LARGEST_WAITING_BYTES and not self._closing:
            self._backlog.clear()
            self._refuse_with(Busy("The hub holds too many unfinished messages.", remedy="Send it again."), b"")

    def _refuse_frame(self, error: FrameError) -> None:
        if error.too_large:
            limit = f"A message may have {self._listener.max_message_bytes} bytes."
            self._refuse_with(TooLarge("The message is too large.", where="MSH", remedy=limit), error.begun)
        elif error.begun.startswith(b"MSH"):
            wrong = MessageIncorrect(
                "The message came without a frame.",
                segment="MSH",
                code=100,
                remedy="Send VT before it, FS and CR after it.",
            )
            self._refuse_with(wrong, error.begun)
        else:
            self.hang_up("no frame")

    def _refuse_with(self, error: ExchangeError, begun: bytes) -> None:
        """Answer what is whole, then what has begun and cannot be taken, and hang up: where the next message begins is
        not known."""
        metrics.count(DROPPED, reason=type(error).__name__.lower())
        answer = ack.refuse_unreadable(begun, error, datetime.now(UTC)).content
        self._last_words = START + answer + FRAME_END
        self.drain()


async def serve(
    door: socket.socket | Accept,
    receive: Receive,
    *,
    ssl: tls.SSLContext | None = None,
    max_message_bytes: int = LARGEST_MESSAGE_BYTES,
    max_connections: int = 1024,
    idle_timeout_seconds: float = 3600.0,
    message_timeout_seconds: float = 60.0,
) -> MllpListener:
    """Listen on ``door``: a socket, bound and listening (with ``ssl`` where it speaks TLS), or what takes connections
    for us.

    ``idle_timeout_seconds`` is how long a connection may be silent between messages; ``message_timeout_seconds`` how
    long one message may take to arrive, and one answer to be taken."""
    listener = MllpListener(
        receive,
        max_message_bytes=max_message_bytes,
        max_connections=max_connections,
        idle_timeout_seconds=idle_timeout_seconds,
        message_timeout_seconds=message_timeout_seconds,
    )
    if isinstance(door, socket.socket):
        await listener.start_on(door, ssl)
    else:
        listener.start(door)
    return listener
