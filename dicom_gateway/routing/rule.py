"""A routing rule: which objects go where. Pure."""

from dataclasses import dataclass
from typing import Literal

Priority = Literal["high", "medium", "low"]
RANK: dict[str, int] = {"high": 0, "medium": 1, "low": 2}
DIMSE_PRIORITY = {0: 1, 1: 0, 2: 2}
"""Priority (0000,0700) by rank: HIGH is 1, MEDIUM 0, LOW 2 (PS3.7 9.3.1)."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a rule looks at. ``ae_title`` is who sent the latest object of the study; "" over HTTP."""

    organization: str
    ae_title: str
    modality: str
    body_part: str


@dataclass(frozen=True, slots=True)
class Route:
    """Conditions that are empty hold for everything. ``to`` is an AE title that is registered with its address, or
    ``url`` a DICOMweb root for STOW-RS; one of them. ``commitment`` asks an AE title to commit to what it took."""

    name: str
    to: str = ""
    url: str = ""
    token: str = ""
    from_ae_titles: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    priority: Priority = "medium"
    commitment: bool = False

    @property
    def destination(self) -> str:
        return self.url or self.to

    def takes(self, received: Received) -> bool:
        """It is never sent back to where it came from."""
        if self.to and self.to == received.ae_title:
            return False
        return all(
            not wanted or value in wanted
            for wanted, value in (
                (self.from_ae_titles, received.ae_title),
                (self.organizations, received.organization),
                (self.modalities, received.modality.upper()),
                (self.body_parts, received.body_part.upper()),
            )
        )
