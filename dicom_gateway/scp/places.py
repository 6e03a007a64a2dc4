"""How many associations there are, of all and of each AE title, over all processes that share the listening socket."""

import mmap
import threading
from zlib import crc32

_TITLES = 1023
_ALL = _TITLES
_WIDTH = _TITLES + 1


class Places:
    """Make it before the processes are forked; each then writes its own row of a shared table. Two AE titles whose
    hashes meet share their cap: that is stricter, never looser."""

    def __init__(self, processes: int = 1) -> None:
        self._processes = processes
        self._numbers = memoryview(mmap.mmap(-1, processes * _WIDTH * 4)).cast("i")
        self._lock = threading.Lock()
        self._row = 0

    def begin(self, process: int) -> None:
        """This process writes the row of this number, from 0: whatever one before it held is gone."""
        self._lock, self._row = threading.Lock(), process * _WIDTH
        self._numbers[self._row : self._row + _WIDTH] = memoryview(bytes(_WIDTH * 4)).cast("i")

    def enter(self, ae_title: str, most: int, most_of_title: int) -> bool:
        """Count one more; False, uncounted, where there are too many already."""
        slot = crc32(ae_title.encode()) % _TITLES
        with self._lock:
            if self._sum(_ALL) >= most or self._sum(slot) >= most_of_title:
                return False
            self._numbers[self._row + slot] += 1
            self._numbers[self._row + _ALL] += 1
            return True

    def leave(self, ae_title: str) -> None:
        slot = crc32(ae_title.encode()) % _TITLES
        with self._lock:
            self._numbers[self._row + slot] -= 1
            self._numbers[self._row + _ALL] -= 1

    def lead(self) -> int:
        """How many more this process holds than the one that holds the fewest."""
        return self._numbers[self._row + _ALL] - min(self._of(_ALL))

    def _sum(self, slot: int) -> int:
        return sum(self._of(slot))

    def _of(self, slot: int) -> list[int]:
        return [self._numbers[process * _WIDTH + slot] for process in range(self._processes)]
