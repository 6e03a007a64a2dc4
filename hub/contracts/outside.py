"""The seam to recognition sources outside the county: a provincial 互认 platform, an insurance imaging cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutsideQuestion:
    """What leaves the hub: the person's resident number, and the examinations that are ordered, as they are called."""

    resident_id: str
    examinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutsideResult:
    """One result that a source knows of. ``performed`` is a FHIR dateTime; ``mark``, ``scope``, ``level`` and ``place``
    are as in the extensions of an Organization and a report (``hub.contracts.codes.EXTENSION``); ``assessed_from`` and
    ``assessed_to`` are the period of a passed external quality assessment. ``url`` opens it at the source."""

    id: str
    name: str
    performed: str
    organization: str
    conclusion: str = ""
    mark: str = ""
    scope: str = ""
    level: str = ""
    place: str = ""
    assessed_from: str = ""
    assessed_to: str = ""
    url: str = ""


class OutsideSource(Protocol):
    @property
    def name(self) -> str:
        """What a card calls it."""
        ...

    async def look_up(self, question: OutsideQuestion) -> Sequence[OutsideResult]:
        """Raises whatever it likes where it has no answer; the asker waits no longer than its own deadline."""
        ...
