"""What may wait until after the acknowledgement: descriptions of instances, and the blob store's adopting their files.

It waits for a moment without arrivals, so that it does not compete with them, but not for ever.
"""

import threading
import time

from hub.contracts.errors import Busy, ExchangeError

from .archive import Archive
from .describe import describe
from .events import log_fault

IDLE_SECONDS = 1.0
BATCH = 32
LARGEST_BACKLOG_BYTES = 2 << 30
"""Of files the blob store has not adopted; what ``recovery`` may have to read at a start."""
_FAILURE_PAUSE_SECONDS = 5.0


class Aftercare:
    """One thread in the first DICOM process."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dicom-aftercare", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._quiet() and not self._pressing():
                self._stopping.wait(IDLE_SECONDS / 4)
                continue
            try:
                worked = self.correct_some() + self.describe_some() + self.settle_some()
            except Exception as failure:
                log_fault("aftercare", failure)
                self._stopping.wait(_FAILURE_PAUSE_SECONDS)
                continue
            if not worked:
                self._stopping.wait(IDLE_SECONDS)

    def _quiet(self) -> bool:
        return abs(time.time() - self._archive.index.deferred.latest_us() / 1e6) > IDLE_SECONDS

    def _pressing(self) -> bool:
        return self._archive.index.deferred.spooled_bytes() > LARGEST_BACKLOG_BYTES

    def correct_some(self) -> int:
        """Bring files in line with corrections; how many."""
        renewed = 0
        for row in self._archive.index.served_files.stale(BATCH):
            try:
                self._archive.served.renew(row)
                renewed += 1
            except ExchangeError as failure:
                log_fault("aftercare", failure)
        return renewed

    def describe_some(self) -> int:
        """Describe the instances that have waited longest; how many."""
        made = []
        for row in self._archive.index.deferred.undescribed(BATCH):
            try:
                made.append((row, describe(row, self._archive.files)))
            except Busy:
                continue  # its bytes cannot be had now
            except ExchangeError as failure:
                log_fault("aftercare", failure)
                made.append((row, (b"{}", b"\x90")))
            if self._stopping.is_set():
                break
        if made:
            self._archive.index.deferred.keep(made).result()
        return len(made)

    def settle_some(self) -> int:
        """Hand spool files to the blob store; how many."""
        rows = self._archive.index.deferred.spooled(BATCH)
        for row in rows:
            self._archive.files.adopt(row)
        if rows:
            self._archive.index.deferred.settled(rows).result()
        return len(rows)
