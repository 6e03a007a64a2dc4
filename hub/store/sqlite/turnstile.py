"""The fair lock between the processes that write one file.

Two ``flock``s: whoever wants to write first takes the place in the queue, then the lock, then gives the place up. A
process that has just written must queue again, behind the one that waits, so that two busy writers take turns; SQLite's
own busy handler would let one starve. The kernel gives both up when a process dies.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turnstile:
    """For one process; opened on first use, so after any fork."""

    def __init__(self, path: Path) -> None:
        self._paths = (path.with_suffix(".queue"), path.with_suffix(".lock"))
        self._files: tuple[int, int] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self._files is None:
            queue, lock = (os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640) for path in self._paths)
            self._files = (queue, lock)
        queue, lock = self._files
        fcntl.flock(queue, fcntl.LOCK_EX)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._files is not None:
            for file in self._files:
                os.close(file)
            self._files = None
