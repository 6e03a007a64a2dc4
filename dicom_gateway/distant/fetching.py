"""Bytes of distant objects: from the cache, else from their archive, each once for all who ask at the same time.

Each archive has threads and connections of its own in each process, so that one that hangs holds up no other.
"""

import asyncio
import hashlib
import mmap
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from hub.blobs.cache import FileCache
from hub.contracts.archives import DistantArchive
from hub.contracts.errors import Busy, ExchangeError, Gone
from hub.telemetry.metrics import count

from ..events import ARCHIVE_WRONG, DISTANT_BYTES, DISTANT_FETCHED
from ..file_meta import read_file_meta
from ..header import WANTED, Header, read_header
from ..inflate import inflated
from ..scan import scan
from ..settings import DicomSettings
from ..study_index.distant_studies import Fetched
from ..study_index.index import StudyIndex
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import TRANSFER_SYNTAXES
from .arrivals import Arrivals
from .attributes import SOP_INSTANCE, text
from .breaker import Breaker
from .directory import ArchiveDirectory
from .line import OBJECT_SECONDS, Unreachable
from .metadata import metadata_of

MOST_WAITING = 512
"""Objects of one archive that may be waited for in one process."""
_STEP_BYTES = 1 << 20
_WANTED = dict.fromkeys(WANTED)
T = TypeVar("T")


class DistantFiles:
    """``folder`` holds the cache and what is on its way. Any thread, any process; nothing is opened or started before
    its first use."""

    def __init__(
        self,
        folder: Path,
        settings: DicomSettings,
        index: StudyIndex,
        archives: Callable[[], Sequence[DistantArchive]],
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._index = index
        self.arrivals = Arrivals(folder / "arrivals")
        self.directory = ArchiveDirectory(archives, settings, self.arrivals)
        self.breaker = Breaker(index.distant_archives)
        self._process = 0
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()

    @cached_property
    def cache(self) -> FileCache:
        return FileCache(self._folder / "cache", self._settings.distant_cache_bytes)

    def close(self) -> None:
        """What is on its way is given up."""
        if self._process == os.getpid():
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            self._pools.clear()
        self.directory.close()

    def bring(self, row: InstanceRow) -> InstanceRow:
        """The object is in the cache now; its row as it is then. Raises Busy while its archive cannot be reached, Gone
        where the archive holds it no more."""
        return self._wait(self.begin(row))

    def begin(self, row: InstanceRow) -> "Future[InstanceRow]":
        """The same, without waiting for it."""
        known = self._known(row)
        if known is not None:
            done: Future[InstanceRow] = Future()
            done.set_result(known)
            return done
        self.breaker.check(row.archive or "")
        return self._submit(row.archive or "", lambda: self._fetch(row))

    def begin_metadata(self, rows: Sequence[InstanceRow]) -> "Future[dict[int, bytes]]":
        """DICOM JSON, by id, of those of ``rows`` (of one series and one archive) whose archive tells it."""
        name = rows[0].archive or ""
        self.breaker.check(name)
        return self._submit(name, lambda: self._metadata(name, rows))

    def _metadata(self, name: str, rows: Sequence[InstanceRow]) -> dict[int, bytes]:
        retrieval = self.directory.retrieval(name)
        with self.breaker.asking(name):
            told = retrieval.metadata(rows[0].study_uid, rows[0].series_uid)
        by_uid = {row.uid: row for row in rows}
        found: dict[int, bytes] = {}
        for attributes in told:
            row = by_uid.get(text(attributes, SOP_INSTANCE))
            made = metadata_of(row, attributes) if row is not None else None
            if row is not None and made is not None:
                found[row.id] = made
        return found

    def prefetch(self, rows: Sequence[InstanceRow]) -> None:
        """They will be asked for one after the other: begin with as many as may be waited for. What cannot be had is
        told to whoever asks for it."""
        with suppress(ExchangeError):
            for row in rows:
                if row.archive is not None:
                    self.begin(row)

    def open(self, row: InstanceRow) -> int:
        """A file descriptor of the object that ``row`` describes; the caller closes it."""
        descriptor = self.cache.find(_key(row))
        if descriptor is None and _in_event_loop():
            # It was here a moment ago and has been evicted: the network is never waited for on an event loop.
            raise Busy("The cache of distant images is too small for this request.", remedy="Ask for less at a time.")
        if descriptor is None:
            self.bring(row)
            descriptor = self.cache.find(_key(row))
        if descriptor is None or os.fstat(descriptor).st_size != row.size_bytes:
            if descriptor is not None:
                os.close(descriptor)
            raise Busy("The archive has another file of this object meanwhile.", remedy="Ask again.")
        return descriptor

    def forget(self, row: InstanceRow) -> None:
        self.cache.discard(_key(row))

    def _known(self, row: InstanceRow) -> InstanceRow | None:
        descriptor = self.cache.find(_key(row))
        if descriptor is None:
            return None
        size = os.fstat(descriptor).st_size
        os.close(descriptor)
        now = row if row.sha256 and row.size_bytes == size else self._index.again(row)
        if now is None or now.size_bytes != size:  # a crash came between the two
            self.forget(row)
            return None
        return now

    def _fetch(self, row: InstanceRow) -> InstanceRow:
        name = row.archive or ""

        def fetch(path: Path) -> None:
            self._check_space()
            retrieval = self.directory.retrieval(name)
            try:
                with self.breaker.asking(name):
                    retrieval.fetch(row, row.study_uid, path)
            except (Unreachable, OSError):
                raise
            except ExchangeError as failure:
                if isinstance(failure, Gone) or failure.http_status == 502:
                    now_us = time.time_ns() // 1000
                    self._index.distant_studies.hear_of(name, [row.study_uid], now_us).result()
                raise
            self._index.distant_studies.fetched(self._checked(row, path)).result()
            count(DISTANT_FETCHED, archive=name)
            count(DISTANT_BYTES, path.stat().st_size, archive=name)

        os.close(self.cache.open(_key(row), fetch, wait_seconds=OBJECT_SECONDS))
        now = self._index.again(row)
        if now is None:
            raise Gone("The archive does not hold this object any more.")
        return now

    def _check_space(self) -> None:
        """The cache takes nothing of what is kept free for objects that are sent here."""
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._settings.free_space_floor_bytes:
            raise Busy(
                "The disk of the gateway is full; nothing is fetched.", retry_after_seconds=60, http_status=507,
                remedy="Make room, or ask again later.",
            )  # fmt: skip

    def _checked(self, row: InstanceRow, path: Path) -> Fetched:
        """Is it whole, and the object that was asked for? Raises Busy (502) where it is not."""
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            try:
                uid, at = read_file_meta(view)
                header = self._header(view, uid, at)
            except (ExchangeError, KeyError) as failure:
                raise self._wrong(row, "The archive's object cannot be read.", getattr(failure, "where", "")) from None
            named = (header.sop_instance_uid, header.series_uid, header.study_uid)
            if named != (row.uid, row.series_uid, row.study_uid):
                raise self._wrong(row, "The archive gave another object than the one asked for.", "(0008,0018)")
            digest = hashlib.sha256()
            for begin in range(0, len(view), _STEP_BYTES):
                digest.update(view[begin : begin + _STEP_BYTES])
            return Fetched(
                row.id, header.sop_class_uid, uid, len(view), at, digest.digest(), header.characters.evidence
            )

    def _header(self, view: mmap.mmap, uid: str, at: int) -> Header:
        syntax = TRANSFER_SYNTAXES[uid]
        if not syntax.deflated:
            return read_header(scan(view, at, len(view), syntax, _WANTED), big_endian=syntax.big_endian)
        with inflated(view, at, self._settings.maximum_inflated_bytes, self._folder) as plain:
            return read_header(scan(plain, 0, len(plain), syntax, _WANTED), big_endian=False)

    def _wrong(self, row: InstanceRow, what: str, where: str) -> Busy:
        ARCHIVE_WRONG.log(archive=row.archive, what=what, where=where)
        return Busy(what, where=where, http_status=502, remedy="Tell the archive's keeper; ask again later.")

    def _wait(self, future: "Future[T]") -> T:
        try:
            return future.result(self._settings.distant_fetch_seconds)
        except TimeoutError:
            raise slow() from None

    def _submit(self, name: str, work: Callable[[], T]) -> "Future[T]":
        pool = self._pool(name)
        with self._lock:
            if self._waiting[name] >= MOST_WAITING:
                raise Busy("Too many objects of this archive are waited for.", remedy="Ask again later.")
            self._waiting[name] += 1
        future = pool.submit(work)
        future.add_done_callback(lambda _future: self._leave(name))
        return future

    def _leave(self, name: str) -> None:
        with self._lock:
            self._waiting[name] -= 1

    def _pool(self, name: str) -> ThreadPoolExecutor:
        archive = self.directory.of(name)
        with self._lock:
            if self._process != os.getpid():
                self._process, self._pools = os.getpid(), dict[str, ThreadPoolExecutor]()
                self._waiting.clear()
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(archive.connections, thread_name_prefix=f"distant-{name}")
            return self._pools[name]


def slow() -> Busy:
    return Busy(
        "The archive where these images live is slow.", http_status=504, remedy="Ask again later; it goes on meanwhile."
    )


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _key(row: InstanceRow) -> str:
    return f"{row.archive}/{row.uid}"
