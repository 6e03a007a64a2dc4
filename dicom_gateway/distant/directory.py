"""The registered archives as one process knows them, and the lines to them."""

import os
import threading
import time
from collections.abc import Callable, Sequence

from hub.contracts.archives import DistantArchive
from hub.contracts.errors import Busy

from ..settings import DicomSettings
from .arrivals import Arrivals
from .dicomweb import DicomWeb
from .line import Queries, Retrieval
from .query_retrieve import QueryRetrieve

TRUSTED_SECONDS = 1.0
"""How long a registration counts before it is read again."""


class ArchiveDirectory:
    def __init__(
        self, archives: Callable[[], Sequence[DistantArchive]], settings: DicomSettings, arrivals: Arrivals
    ) -> None:
        self._archives = archives
        self._settings = settings
        self._arrivals = arrivals
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._read_at = 0.0
        self._known: dict[str, DistantArchive] = {}
        self._lines: dict[tuple[DistantArchive, str], DicomWeb | QueryRetrieve] = {}

    def close(self) -> None:
        with self._lock:
            if self._process == os.getpid():
                for line in self._lines.values():
                    line.close()
            self._reset()

    def all(self) -> Sequence[DistantArchive]:
        with self._lock:
            if self._process != os.getpid():
                self._reset()
            now = time.monotonic()
            if not self._read_at or now - self._read_at > TRUSTED_SECONDS:
                self._known = {one.name: one for one in self._archives()}
                self._read_at = now
                for key in [key for key in self._lines if self._known.get(key[0].name) != key[0]]:
                    self._lines.pop(key).close()
            return list(self._known.values())

    def of(self, name: str) -> DistantArchive:
        """Raises Busy where it is no longer registered."""
        for one in self.all():
            if one.name == name:
                return one
        raise Busy(
            "The archive where these images live is no longer registered.",
            where=name,
            remedy="Register it again: hub archive add.",
            retry_after_seconds=300,
        )

    def of_ae_title(self, ae_title: str, organization: str) -> DistantArchive | None:
        if not ae_title:
            return None
        return next((one for one in self.all() if one.ae_title == ae_title and one.organization == organization), None)

    def queries(self, name: str) -> Queries:
        archive = self.of(name)
        return self._line(archive, "dicomweb" if archive.url else "dimse")

    def retrieval(self, name: str) -> Retrieval:
        archive = self.of(name)
        return self._line(archive, "dicomweb" if archive.retrieve == "wado-rs" else "dimse")

    def _line(self, archive: DistantArchive, kind: str) -> DicomWeb | QueryRetrieve:
        with self._lock:
            key = (archive, kind)
            if key not in self._lines:
                self._lines[key] = (
                    DicomWeb(archive, self._settings)
                    if kind == "dicomweb"
                    else QueryRetrieve(archive, self._settings, self._arrivals)
                )
            return self._lines[key]
