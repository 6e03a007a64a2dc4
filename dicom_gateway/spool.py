"""Files on their way in. A file's name is a counter of ours: nothing that came from outside is in it.

A spool file becomes part of the archive by the index row that names it; one without a row is left over from a crash
and is swept. Files are made empty, ahead and several at a time, so that their folder entries are durable before
anything is written to them, and a store waits for no fsync of the folder.
"""

import ctypes
import errno
import hashlib
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from hub.contracts.errors import Busy, ExchangeError

from .scan import Buffer


def _libc_function(name: str) -> Callable[..., int] | None:
    """sync_file_range(2), which is Linux's own; None elsewhere."""
    function = getattr(ctypes.CDLL(None), name, None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


LEFT_OVER_SECONDS = 3600.0
MOST_READY = 32
SYNC_STEP_BYTES = 2 << 20
"""Of a large object the disk gets so much at a time while the rest still comes."""

_SYNC_FILE_RANGE_WRITE = 2
_SYNC_FILE_RANGE = _libc_function("sync_file_range")


class SpoolFile:
    """One object being received. ``digest`` is the SHA-256 of everything written so far."""

    __slots__ = ("_begun", "_descriptor", "_hash", "name", "path", "size_bytes")

    def __init__(self, path: Path) -> None:
        """Opens an empty file that is there."""
        self.name = path.name
        self.path = str(path)
        self.size_bytes = self._begun = 0
        self._hash = hashlib.sha256()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    def write(self, piece: Buffer) -> None:
        """Append. Raises OSError; the caller discards the file then."""
        self._hash.update(piece)
        size = written = len(piece)
        written = os.write(self._descriptor, piece)
        if written < size:
            rest = memoryview(piece)
            while written < size:
                written += os.write(self._descriptor, rest[written:])
        self.size_bytes += size
        if self.size_bytes - self._begun >= SYNC_STEP_BYTES:
            self.begin_sync()

    def begin_sync(self) -> None:
        """Let the disk begin with what it has not, while we do other things; nothing is promised until ``sync``."""
        if _SYNC_FILE_RANGE is not None:
            _SYNC_FILE_RANGE(self._descriptor, self._begun, self.size_bytes - self._begun, _SYNC_FILE_RANGE_WRITE)
        self._begun = self.size_bytes

    def sync(self) -> None:
        os.fsync(self._descriptor)

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        """Close and remove; once is enough."""
        if self._descriptor >= 0:
            self.close()
            Path(self.path).unlink(missing_ok=True)


class Spool:
    """The folder of spool files; any number of processes share it."""

    def __init__(self, folder: Path, free_space_floor_bytes: int) -> None:
        self.folder = folder
        self._floor_bytes = free_space_floor_bytes
        self._lock = threading.Lock()
        self._process = 0

    def _begin(self) -> None:
        """Names of a process hold its number and when it began, so that no two ever meet."""
        self._lock = threading.Lock()
        self._process, self._count = os.getpid(), itertools.count()
        self._prefix = f"{time.time_ns():x}-{self._process:x}-"
        self._ready: deque[Path] = deque()
        self._batch = 1

    def create(self) -> SpoolFile:
        """An empty file whose folder entry is durable. Raises Busy where the disk is (nearly) full."""
        self.check_space()
        if self._process != os.getpid():
            self._begin()
        try:
            while True:
                with self._lock:
                    if not self._ready:
                        self._make_ready()
                    path = self._ready.popleft()
                try:
                    return SpoolFile(path)
                except FileNotFoundError:
                    continue  # made so long ago that a sweep took it for left over
        except OSError as failure:
            raise disk_failure(failure) from failure

    def _make_ready(self) -> None:
        self._make_folder()
        for _ in range(self._batch):
            path = self.folder / f"{self._prefix}{next(self._count):x}"
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
            self._ready.append(path)
        sync_folder(self.folder)
        self._batch = min(2 * self._batch, MOST_READY)

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder.parent)
            sync_folder(self.folder.parent.parent)

    def close(self) -> None:
        """Remove the files made ahead."""
        if self._process == os.getpid():
            with self._lock:
                while self._ready:
                    self._ready.popleft().unlink(missing_ok=True)

    def check_space(self) -> None:
        try:
            disk = os.statvfs(self.folder)
        except FileNotFoundError:
            self._make_folder()
            disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize < self._floor_bytes:
            raise _full()

    def path(self, name: str) -> Path:
        return self.folder / name

    def sweep(self, kept: Collection[str]) -> int:
        """Remove files that no index row names and nobody has written to for an hour; how many."""
        if not self.folder.is_dir():
            return 0
        oldest, swept = time.time() - LEFT_OVER_SECONDS, 0
        for entry in os.scandir(self.folder):
            if entry.name not in kept and entry.is_file() and entry.stat().st_mtime < oldest:
                Path(entry.path).unlink(missing_ok=True)
                swept += 1
        return swept


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full() -> Busy:
    full = Busy(
        "The disk of the gateway is full; nothing was kept.", retry_after_seconds=60, remedy="Send again later."
    )
    full.http_status = 507  # type: ignore[misc]
    return full


def disk_failure(failure: OSError) -> ExchangeError:
    """What to tell the sender about an OSError of the disk."""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full()
    return Busy("The disk of the gateway failed; nothing was kept.", remedy="Send again later.")
