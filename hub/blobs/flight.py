"""One flight a key: of all who want the same thing at once, in any thread or process, one fetches it and the others
wait for what comes of it.

A flight is a lock file named by the SHA-256 of its key, held with flock(2): the kernel lets go of it when its holder
dies, and the next who waits takes over. Whoever lands removes the file; a failure is written into it first, so that
those who waited are told it instead of trying again one after the other. Flights of other keys are never waited for.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from hub.contracts import errors
from hub.contracts.errors import Busy, ExchangeError

T = TypeVar("T")

WAIT_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.05


class Flights:
    """``folder`` is on a local file system and shared by all processes that take part. Any thread, any process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def share(
        self, key: str, look: Callable[[], T | None], fetch: Callable[[], T], wait_seconds: float = WAIT_SECONDS
    ) -> T:
        """What ``look`` finds; where it finds None, what ``fetch`` gives, called by one of all who ask for ``key``.

        ``look`` must find what a ``fetch`` elsewhere has brought. An error of ``fetch`` is raised to those who waited
        for it too: an ExchangeError in its own category, any other as Busy. Raises Busy where another's flight takes
        longer than ``wait_seconds``."""
        place = self._folder / hashlib.sha256(key.encode()).hexdigest()
        until = time.monotonic() + wait_seconds
        while True:
            if (found := look()) is not None:
                return found
            flight = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                _take(flight, until)
                if not _is_at(flight, place):  # it landed while we waited
                    if failure := os.pread(flight, 4096, 0):
                        raise _read(failure)
                    continue
                try:
                    found = look()
                    return fetch() if found is None else found
                except BaseException as failure:
                    with suppress(OSError):  # a full disk: those who wait then try for themselves
                        os.pwrite(flight, _written(failure), 0)
                    raise
                finally:
                    place.unlink(missing_ok=True)
            finally:
                os.close(flight)

    def clear(self) -> None:
        """Remove what a crash left. Only while nobody shares flights in this folder."""
        for file in self._folder.iterdir():
            file.unlink(missing_ok=True)


def _take(flight: int, until: float) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            fcntl.flock(flight, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Busy("The same bytes are being fetched and take long.", remedy="Ask again later.") from None
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _is_at(flight: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(flight), place.stat())
    except FileNotFoundError:
        return False


def _written(failure: BaseException) -> bytes:
    if isinstance(failure, ExchangeError):
        return json.dumps([type(failure).__name__, failure.what, failure.where, failure.remedy]).encode()
    return json.dumps(["Busy", "The bytes could not be fetched.", "", "Ask again later."]).encode()


def _read(written: bytes) -> ExchangeError:
    name, what, where, remedy = json.loads(written)
    category = getattr(errors, name, Busy)
    failure: ExchangeError = category(what, where=where, remedy=remedy)
    return failure
