"""A bounded read-through cache of files: what lies far away is fetched once and read here until room is needed.

``ROOT/ab/cdef…`` is named by the SHA-256 of the key, so that nothing from outside is in a name. A file gets its name
when it is whole, synced and of the expected hash; its modification time is when it was last used. Readers hold open
files, so eviction never cuts one short. The cache can be thrown away at any time.
"""

import errno
import fcntl
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hub.contracts.errors import Busy, Fault

from .flight import WAIT_SECONDS, Flights

Fetch = Callable[[Path], None]
"""Writes the whole file at this path, which is not there yet; it need not be synced. Raises an ExchangeError."""

_CHUNK_BYTES = 1 << 20
_USED_EVERY_SECONDS = 60.0
"""How exact the order of use is."""
_FULL_TO = 0.9
"""An eviction goes on until this part of the limit is taken, so that not every file costs one."""
_MOST_CHECKED = 100_000


class FileCache:
    """``limit_bytes`` holds over all processes that share ``root``, but for files on their way in. A file larger than
    the limit is served and not kept. The cache also gives way where less than ``keep_free_bytes`` of its disk are
    free. Any thread, any process; nothing is opened before the first use."""

    def __init__(self, root: Path, limit_bytes: int, keep_free_bytes: int = 0) -> None:
        self.root = root
        self.limit_bytes = limit_bytes
        self._keep_free_bytes = keep_free_bytes
        self._unfinished = root / "unfinished"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        self._flights = Flights(root / "flights")
        self._checked: dict[str, tuple[int, int]] = {}

    def open(self, key: str, fetch: Fetch, *, sha256: str | None = None, wait_seconds: float = WAIT_SECONDS) -> int:
        """A file descriptor of the whole file, for pread, mmap and sendfile; the caller closes it.

        One ``fetch`` at a time for a key, whoever asks; keys do not wait for each other. With ``sha256`` a fetched file
        that is not of that hash is refused (Fault), and a cached one is checked when a process first opens it: one
        that rotted or was cut is fetched again. Raises what ``fetch`` raises, Busy where another's fetch of this key
        takes longer than ``wait_seconds`` or the disk is full."""
        return self._flights.share(
            key, lambda: self.find(key, sha256=sha256), lambda: self._fetch(key, fetch, sha256), wait_seconds
        )

    def find(self, key: str, *, sha256: str | None = None) -> int | None:
        """The same of a file that is here; None where it would have to be fetched."""
        place = self._place(key)
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        found = os.fstat(descriptor)
        if sha256 is not None and not self._is_whole(key, descriptor, found, sha256):
            os.close(descriptor)
            place.unlink(missing_ok=True)
            return None
        if time.time() - found.st_mtime > _USED_EVERY_SECONDS:
            with suppress(FileNotFoundError):  # evicted this moment: what is open stays whole
                os.utime(place)
        return descriptor

    def adopt(self, key: str, path: Path) -> None:
        """Take over a complete file on the same file system as this key's; it is gone from ``path`` afterwards."""
        size = path.stat().st_size
        if size > self.limit_bytes:
            path.unlink()
            return
        with path.open("rb") as file:
            os.fsync(file.fileno())
        os.utime(path)
        place = self._place(key)
        place.parent.mkdir(exist_ok=True)
        with self._counted() as taken:
            taken(size)
            path.replace(place)

    def discard(self, key: str) -> None:
        """Discarding what is not there is no error."""
        self._place(key).unlink(missing_ok=True)

    def trim(self) -> None:
        """Give way now, where the disk has filled up by what others wrote."""
        with self._counted() as taken:
            taken(0)

    def size_bytes(self) -> int:
        """Bytes in use, counted anew."""
        return sum(size for _, size, _ in self._files())

    def clear_unfinished(self) -> None:
        """Remove what a crash left half-done. Only before any process uses this cache."""
        for file in self._unfinished.iterdir():
            file.unlink(missing_ok=True)
        self._flights.clear()

    def _fetch(self, key: str, fetch: Fetch, sha256: str | None) -> int:
        new = self._unfinished / uuid.uuid4().hex
        try:
            try:
                fetch(new)
            except OSError as failure:
                if failure.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._evict_half():
                    raise
                new.unlink(missing_ok=True)
                fetch(new)
            descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if sha256 is not None and not self._is_whole(key, descriptor, os.fstat(descriptor), sha256):
                    raise Fault("What was fetched is not what was stored.", remedy="Run hub verify.")
                self.adopt(key, new)
            except BaseException:
                os.close(descriptor)
                raise
            return descriptor
        except OSError as failure:
            if failure.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Busy("The disk of the cache is full.", remedy="Ask again later.") from failure
            raise
        finally:
            new.unlink(missing_ok=True)

    def _is_whole(self, key: str, descriptor: int, found: os.stat_result, sha256: str) -> bool:
        seen = (found.st_ino, found.st_size)
        if self._checked.get(key) == seen:
            return True
        if _hash(descriptor) != sha256:
            return False
        if len(self._checked) >= _MOST_CHECKED:
            self._checked.clear()
        self._checked[key] = seen
        return True

    @contextmanager
    def _counted(self) -> Iterator[Callable[[int], None]]:
        """Within it the cache does not grow but by what is given to ``taken``, which makes room first. The count is a
        small file: bytes are counted before they arrive and told anew at each eviction, so a crash makes it too large
        for a while, never too small for long."""
        count = os.open(self.root / "count", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(count, fcntl.LOCK_EX)

            def taken(size: int) -> None:
                known = os.pread(count, 20, 0)
                total = (int(known) if known.isdigit() else self.limit_bytes) + size
                if total > self.limit_bytes:
                    total = self._evict_to(int(self.limit_bytes * _FULL_TO) - size) + size
                if (lacking := self._keep_free_bytes - _free_bytes(self.root)) > 0 and total > size:
                    total = self._evict_to(self.size_bytes() - lacking) + size
                os.pwrite(count, b"%020d" % total, 0)

            yield taken
        finally:
            os.close(count)

    def _evict_to(self, most_bytes: int) -> int:
        """Remove the files used longest ago until at most this is left; what is left."""
        files = sorted(self._files(), reverse=True)
        left = sum(size for _, size, _ in files)
        while left > most_bytes and files:
            _, size, path = files.pop()
            path.unlink(missing_ok=True)
            left -= size
        return left

    def _evict_half(self) -> bool:
        """Make room on a full disk; whether there was something to remove."""
        before = self.size_bytes()
        with self._counted() as taken:
            self._evict_to(before // 2)
            taken(0)
        return before > 0

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for shelf in self.root.iterdir():
            if len(shelf.name) == 2:
                for entry in os.scandir(shelf):
                    with suppress(FileNotFoundError):
                        found = entry.stat()
                        yield found.st_mtime, found.st_size, Path(entry.path)

    def _place(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.root / name[:2] / name[2:]


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _hash(descriptor: int) -> str:
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(descriptor, _CHUNK_BYTES, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
