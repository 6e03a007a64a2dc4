"""Decoding and encoding in processes of their own, with a time limit."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from hub.contracts.errors import Busy, Unsupported

from .codec import DECODED, ENCODED, LOSSY_RATIO, Pixels, Undecodable, native
from .image_pixel import ImagePixel
from .worker import Job, Result, receive, send

IDLE_SECONDS = 60.0
"""A worker that nobody needed for so long is ended by the next caller that passes."""
_BUFFER_BYTES = 4 << 20
_result = msgspec.msgpack.Decoder(Result)


class CodecWorkers:
    """``most`` frames at a time; each within ``seconds``. Nothing is started before the first use, so that a process
    may fork until then. Any thread."""

    def __init__(self, most: int, seconds: float) -> None:
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def decode(self, codestream: bytes, syntax: str, form: ImagePixel) -> tuple[Pixels, str]:
        """Pixels as rows × columns (× samples), little endian, and their photometric interpretation. Raises Unsupported
        (406) where no decoder reads the frame, Busy where all workers are taken for too long."""
        if syntax not in DECODED:
            raise Unsupported(
                "There is no decoder for the transfer syntax of this object.",
                where="(0002,0010)",
                remedy="Retrieve it as stored, with transfer-syntax=*.",
                http_status=406,
            )
        result, body = self._ask(Job(False, syntax, form, LOSSY_RATIO), codestream)
        return np.frombuffer(body, result.kind).reshape(result.shape), result.photometric

    def encode(self, pixels: Pixels, syntax: str, form: ImagePixel, ratio: float = LOSSY_RATIO) -> bytes:
        """One frame as a codestream. ``form`` describes ``pixels``. Raises Unsupported (406), Busy."""
        if syntax not in ENCODED:
            raise Unsupported(
                "There is no encoder for this transfer syntax.",
                where="(0002,0010)",
                remedy="Ask for an uncompressed one, RLE, JPEG-LS or JPEG 2000.",
                http_status=406,
            )
        _result, body = self._ask(Job(True, syntax, form, ratio), np.ascontiguousarray(pixels).data)
        return bytes(body)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def _ask(self, job: Job, content: Any) -> tuple[Result, bytearray]:
        if not self._free.acquire(timeout=self._seconds):
            raise Busy("All pixel workers are taken.", remedy="Try again later.")
        try:
            worker = self._take()
            try:
                result, body = worker.ask(job, content, self._seconds)
            except BaseException as failure:
                worker.end(kill=True)
                if isinstance(failure, TimeoutError):
                    raise _undecodable("takes too long") from None
                if isinstance(failure, EOFError | OSError):
                    raise _undecodable("breaks its decoder") from None
                raise
            with self._lock:
                self._idle.append(worker)
        finally:
            self._free.release()
        if result.failure and job.encode:
            raise Unsupported(
                "These pixels cannot be compressed in this way.", where="(7fe0,0010)",
                remedy="Ask for an uncompressed transfer syntax.", http_status=406,
            )  # fmt: skip
        if result.failure:
            raise _undecodable("cannot be read")
        return result, body

    def _take(self) -> "_Worker":
        with self._lock:
            found = self._idle.pop() if self._idle else None
            old = [one for one in self._idle if time.monotonic() - one.used_at > IDLE_SECONDS]
            self._idle = [one for one in self._idle if one not in old]
        if found is not None and not found.alive():
            old.append(found)
            found = None
        for one in old:
            one.end()
        return found or _Worker()


class _Worker:
    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair()
        with theirs:
            for one in (self._connection, theirs):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            command = [sys.executable, "-P", "-m", f"{__package__}.worker", str(theirs.fileno())]
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=_environment(),
            )  # fmt: skip
        self.used_at = time.monotonic()

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, job: Job, content: Any, seconds: float) -> tuple[Result, bytearray]:
        """Raises TimeoutError, EOFError, OSError; the worker is of no more use then."""
        late = threading.Timer(seconds, self._process.kill)
        late.daemon = True
        begun = time.monotonic()
        late.start()
        try:
            send(self._connection, job, content)
            head, body = receive(self._connection)
        except (EOFError, OSError):
            if time.monotonic() - begun >= seconds:
                raise TimeoutError from None
            raise
        finally:
            late.cancel()
        self.used_at = time.monotonic()
        return _result.decode(head), body

    def end(self, *, kill: bool = False) -> None:
        """The worker leaves by itself when its socket closes."""
        self._connection.close()
        if kill:
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
            return
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """No secrets: what runs there has read strangers' bytes. One frame is one thread's work; the libraries' own pools
    would take a processor each."""
    needed = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    root = str(Path(__file__).parents[2])
    return needed | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def native_frame(frame: bytes, form: ImagePixel) -> tuple[Pixels, str]:
    """An uncompressed frame; needs no worker. Raises Unsupported (406)."""
    try:
        return native(frame, form)
    except Undecodable:
        raise _undecodable("is shorter than its header says") from None


def _undecodable(why: str) -> Unsupported:
    return Unsupported(
        f"The pixels of this object cannot be decoded: a frame {why}.",
        where="(7fe0,0010)",
        remedy="Retrieve it as stored, with transfer-syntax=*.",
        http_status=406,
    )
