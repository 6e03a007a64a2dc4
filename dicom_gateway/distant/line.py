"""What may be asked of a distant archive, whatever it speaks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hub.contracts.errors import Busy

from ..study_index.instance_row import InstanceRow
from .attributes import Attributes

OBJECT_SECONDS = 300.0
"""An object that takes longer than this to arrive is given up: a line of 1 byte/s is as good as none."""


class Unreachable(Busy):
    """The archive does not answer, not in time, or not as its protocol says: it counts against it."""


def unreachable(what: str, *, http_status: int = 503) -> Unreachable:
    return Unreachable(what, http_status=http_status, remedy="Ask again later; see the operations page.")


class Queries(Protocol):
    """Each raises Unreachable."""

    def ping(self) -> None:
        """The cheapest question that shows that it answers."""
        ...

    def studies(self, first_day: str, last_day: str) -> Iterator[Attributes]:
        """Studies of these dates (YYYYMMDD, both included): UID, and the number of objects where it tells it."""
        ...

    def objects(self, study_uid: str) -> Iterator[tuple[Attributes, Attributes, Attributes]]:
        """(study, series, instance) of every object of a study; none where it does not hold it."""
        ...


class Retrieval(Protocol):
    def metadata(self, study_uid: str, series_uid: str) -> list[dict[str, Any]]:
        """The whole attributes but bulk data of every object of a series; none where the archive tells none. Raises
        Unreachable."""
        ...

    def fetch(self, row: InstanceRow, study_uid: str, path: Path) -> None:
        """Write the object as a Part 10 file at ``path``, which is not there yet. Raises Unreachable, Gone where the
        archive does not hold it any more, OSError of our own disk."""
        ...
