"""Starts the children, keeps them running, and ends them in order.

The supervisor opens the listening sockets, so that a child that dies takes no door with it; it loads the code once
and forks, so that the children share it; it stays free of threads, so that it may fork again at any time.
"""

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hub.process.folder import DataFolder
from hub.telemetry.events import declare

CHILD_LATE = declare("process.late", "error", ("child",), "A child did not answer its doors in time; the hub stops.")
CHILD_ENDED = declare("process.ended", "warning", ("child", "status"), "A child ended; it is started again.")
CHILD_FAILED = declare("process.failed", "error", ("child", "error", "at"), "A child could not go on.")

DRAIN_SECONDS = 25.0
READY_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One process of the tree. ``run`` gets a function to call once its doors answer, and returns when it has drained
    after SIGTERM."""

    name: str
    run: Callable[[Callable[[], None]], None]
    pid: int = 0
    ready_pipe: int = -1
    ready: bool = False
    started: float = 0.0
    failures: int = field(default=0)
    start_at: float = 0.0


def listen(host: str, port: int, backlog: int = 2048) -> socket.socket:
    """A bound, listening, non-blocking TCP socket. Raises OSError where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


def _die_with_parent(parent: int) -> None:
    """A child of a killed supervisor must not go on: the next supervisor owns the folder (Linux prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class Supervisor:
    """Runs ``children`` until SIGTERM or SIGINT. ``ready_line`` is printed when every child has reported ready."""

    def __init__(self, folder: DataFolder, children: Iterable[Child], ready_line: dict[str, Any]) -> None:
        self._folder = folder
        self._children = list(children)
        self._ready_line = ready_line
        self._stopping = False
        self._announced = False

    def run(self) -> int:
        """The exit status: 0 after a clean drain, 1 where a child had to be killed or never became ready."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        gc.collect()
        gc.freeze()
        deadline = time.monotonic() + READY_SECONDS
        try:
            while not self._stopping:
                now = time.monotonic()
                for child in self._children:
                    if not child.pid and now >= child.start_at:
                        self._start(child)
                self._look_for_ready()
                if not self._announced and now > deadline:
                    CHILD_LATE.log(child=next(c.name for c in self._children if not c.ready))
                    self._drain()
                    return 1
                self._reap()
                select.select([wake_read], [], [], 0.2 if self._announced else 0.02)
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
            return self._drain()
        finally:
            signal.set_wakeup_fd(-1)
            self._folder.release()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _start(self, child: Child) -> None:
        read, write = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            os.close(write)
            os.set_blocking(read, False)
            child.pid, child.ready_pipe, child.ready, child.started = pid, read, False, time.monotonic()
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor decides
            _die_with_parent(parent)
            self._folder.forget()
            os.close(read)
            child.run(lambda: _tell_ready(write))
            status = 0
        except BaseException as error:
            CHILD_FAILED.log(child=child.name, error=type(error).__name__, at=_place(error))
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _look_for_ready(self) -> None:
        for child in self._children:
            if child.pid and not child.ready:
                try:
                    child.ready = os.read(child.ready_pipe, 1) == b"1"
                except BlockingIOError:
                    continue
                if child.ready:
                    os.close(child.ready_pipe)
        if not self._announced and all(child.ready for child in self._children):
            self._announced = True
            self._folder.announce(self._ready_line)
            sys.stdout.write(json.dumps(self._ready_line) + "\n")
            sys.stdout.flush()

    def _reap(self) -> None:
        for child in self._children:
            if not child.pid:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if not pid:
                continue
            lived = time.monotonic() - child.started
            child.failures = 0 if lived > 60 else child.failures + 1
            child.start_at = time.monotonic() + min(30.0, 0.1 * 2**child.failures)
            child.pid = 0
            CHILD_ENDED.log(child=child.name, status=os.waitstatus_to_exitcode(status))

    def _drain(self) -> int:
        for child in self._children:
            if child.pid:
                os.kill(child.pid, signal.SIGTERM)
        deadline, clean = time.monotonic() + DRAIN_SECONDS, True
        while any(child.pid for child in self._children):
            late = time.monotonic() > deadline
            for child in self._children:
                if child.pid and late:
                    os.kill(child.pid, signal.SIGKILL)
                if child.pid:
                    pid, status = os.waitpid(child.pid, 0 if late else os.WNOHANG)
                    if pid:
                        clean = clean and status == 0
                        child.pid = 0
            time.sleep(0.02)
        if not clean:
            CHILD_ENDED.log(child="some", status=1)
        return 0 if clean else 1


def _tell_ready(pipe: int) -> None:
    os.write(pipe, b"1")
    os.close(pipe)


def _place(error: BaseException) -> str:
    """File and line of the innermost frame: enough to find the fault, nothing of what was being handled."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
