"""Long answers: pieces of files between pieces of text, with an exact Content-Length and bounded memory."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hub.contracts.errors import Fault

from .asgi import Headers, Receive, Send

STEP_BYTES = 1 << 20
_NO_WAIT = getattr(os, "RWF_NOWAIT", 0)
_WATCH_FROM_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class FilePart:
    """``length`` bytes at ``begin`` of the file that ``open`` gives a descriptor of, which may wait for a network;
    ``near`` gives the same without waiting, or None."""

    open: Callable[[], int]
    near: Callable[[], int | None]
    begin: int
    length: int


Segment = bytes | FilePart
Piece = bytes | bytearray


def length_of(segments: Sequence[Segment]) -> int:
    return sum(len(one) if isinstance(one, bytes) else one.length for one in segments)


async def stream(
    status: int, segments: Sequence[Segment], content_type: str, headers: Headers, receive: Receive, send: Send
) -> None:
    """Send the whole answer. Where the client goes away, reading stops. Nothing is sent before the first piece is
    there, so that what fails at once is still told."""
    size = length_of(segments)
    length = (b"content-length", str(size).encode("ascii"))
    pieces = pieces_of(segments)
    first = await anext(pieces, b"")
    await _start(status, content_type, [length, *headers], send)
    await _send_all(_all_of(first, pieces), receive, send, watch=size >= _WATCH_FROM_BYTES)


async def stream_unsized(
    status: int, pieces: AsyncIterator[Piece], content_type: str, receive: Receive, send: Send
) -> None:
    """The same for what is made on the way: its length is not known before."""
    first = await anext(pieces, b"")
    await _start(status, content_type, [], send)
    await _send_all(_all_of(first, pieces), receive, send, watch=True)


async def _all_of(first: Piece, rest: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    yield first
    async for piece in rest:
        yield piece


async def _start(status: int, content_type: str, headers: Headers, send: Send) -> None:
    headers = [(b"content-type", content_type.encode("ascii")), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send_all(pieces: AsyncIterator[Piece], receive: Receive, send: Send, *, watch: bool) -> None:
    gone = asyncio.ensure_future(_until_gone(receive)) if watch else None
    try:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone is not None and gone.done():
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        if gone is not None:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def pieces_of(segments: Sequence[Segment]) -> AsyncIterator[Piece]:
    """Small texts are joined with what follows; files come in steps."""
    pending = bytearray()
    for segment in segments:
        if isinstance(segment, bytes):
            pending += segment
            continue
        if (descriptor := segment.near()) is None:
            descriptor = await asyncio.to_thread(segment.open)
        try:
            at, end = segment.begin, segment.begin + segment.length
            while at < end:
                piece, count = await _read(descriptor, at, min(STEP_BYTES, end - at), pending)
                if not count:
                    raise Fault("A stored file is shorter than its index row says.")
                at += count
                yield piece
                pending.clear()
        finally:
            os.close(descriptor)
    if pending:
        yield bytes(pending)


async def _read(descriptor: int, at: int, size: int, before: bytearray) -> tuple[Piece, int]:
    """What stands before and a piece of the file in one buffer, copied once; and how much came from the file. What the
    page cache holds is read at once (a hop to a thread for each step would halve the speed); only what must come from
    the disk goes to a thread."""
    head = len(before)
    buffer = bytearray(head + size)
    buffer[:head] = before
    rest, count = memoryview(buffer)[head:], 0
    if _NO_WAIT:
        with suppress(OSError):
            count = os.preadv(descriptor, [rest], at, _NO_WAIT)
    if count <= 0:
        count = await asyncio.get_running_loop().run_in_executor(None, os.preadv, descriptor, [rest], at)
    rest.release()
    del buffer[head + count :]
    return buffer, count
