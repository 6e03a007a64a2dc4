"""Where a study lives, as queries are told it (PS3.4 C.4.1.1.3.2: Retrieve AE Title, Instance Availability)."""

from collections.abc import Callable

from ..study_index.distant_archives import DistantArchives
from .breaker import FAILURES
from .directory import ArchiveDirectory

ONLINE, NEARLINE, OFFLINE, UNAVAILABLE = "ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE"
GONE_MARK = "!"


def name_and_gone(distant: str) -> tuple[str, bool]:
    """What the index says of a study that lives elsewhere, in its two parts."""
    return distant.rstrip(GONE_MARK), distant.endswith(GONE_MARK)


class Whereabouts:
    """As they are while one query is answered."""

    def __init__(self, archives: DistantArchives, directory: ArchiveDirectory) -> None:
        self._unreachable: frozenset[str] | None = None
        self._ae_titles: dict[str, str] = {}
        self._ask: Callable[[], frozenset[str]] = lambda: archives.unreachable(FAILURES)
        self._directory = directory

    def availability(self, distant: str | None) -> str:
        """ONLINE here; NEARLINE at an archive that can be asked for it, OFFLINE while it cannot, UNAVAILABLE once it
        holds it no more."""
        if distant is None:
            return ONLINE
        name, gone = name_and_gone(distant)
        if gone:
            return UNAVAILABLE
        if self._unreachable is None:
            self._unreachable = self._ask()
            self._ae_titles = {one.name: one.ae_title for one in self._directory.all()}
        return OFFLINE if name in self._unreachable or name not in self._ae_titles else NEARLINE

    def retrieve_ae_titles(self, own: str, distant: str | None) -> list[str]:
        """From whom it may be retrieved: from us in any case, and from the archive where it lives."""
        if distant is None or self.availability(distant) == UNAVAILABLE:
            return [own]
        title = self._ae_titles.get(name_and_gone(distant)[0])
        return [own, title] if title else [own]
