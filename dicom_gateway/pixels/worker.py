"""A process that decodes and encodes frames for another: a stream that makes a native decoder crash, hang or take all
memory ends this process and nothing else.

``python -m dicom_gateway.pixels.worker FD``: FD is a connected socket. A message is its length (4 bytes), a MessagePack
array, the length of the pixels or the codestream (8 bytes), and they.
"""

import os
import resource
import signal
import socket
import sys
from typing import Any

import msgspec
import numpy as np

from .codec import Undecodable, decode, encode
from .image_pixel import ImagePixel

MEMORY_BYTES = 3 << 30
"""Of address space; four times the largest frame, and what the libraries take."""


class Job(msgspec.Struct, array_like=True):
    """``encode`` false: decode."""

    encode: bool
    syntax: str
    form: ImagePixel
    ratio: float


class Result(msgspec.Struct, array_like=True):
    """``failure`` is empty where it went well. ``shape`` and ``kind`` (as numpy spells it) are of decoded pixels."""

    failure: str = ""
    shape: tuple[int, ...] = ()
    kind: str = ""
    photometric: str = ""


def send(connection: socket.socket, head: Any, body: Any) -> None:
    encoded = msgspec.msgpack.encode(head)
    size = memoryview(body).nbytes
    connection.sendall(len(encoded).to_bytes(4, "big") + encoded + size.to_bytes(8, "big"))
    if size:
        connection.sendall(memoryview(body).cast("B"))


def receive(connection: socket.socket) -> tuple[bytes, bytearray]:
    """Raises EOFError where the other side has gone."""
    head = exactly(connection, int.from_bytes(exactly(connection, 4), "big"))
    return bytes(head), exactly(connection, int.from_bytes(exactly(connection, 8), "big"))


def exactly(connection: socket.socket, size: int) -> bytearray:
    buffer = bytearray(size)
    view, got = memoryview(buffer), 0
    while got < size:
        count = connection.recv_into(view[got:])
        if not count:
            raise EOFError
        got += count
    return buffer


def answer(job: Job, content: bytes) -> tuple[Result, Any]:
    try:
        if job.encode:
            return Result(), encode(content, job.syntax, job.form, job.ratio)
        pixels, photometric = decode(content, job.syntax, job.form)
        pixels = np.ascontiguousarray(pixels)
        return Result(shape=pixels.shape, kind=pixels.dtype.str, photometric=photometric), pixels.data
    except Undecodable as failure:
        return Result(failure=str(failure) or "corrupt"), b""
    except Exception as failure:  # MemoryError of a stream that wants too much, for one
        return Result(failure=type(failure).__name__), b""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's interrupt is for the process that leads
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = socket.socket(fileno=int(sys.argv[1]))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries talk
        os.dup2(nowhere, stream)
    decoder = msgspec.msgpack.Decoder(Job)
    while True:
        try:
            head, content = receive(connection)
        except (EOFError, OSError):
            return
        send(connection, *answer(decoder.decode(head), bytes(content)))


if __name__ == "__main__":
    main()
