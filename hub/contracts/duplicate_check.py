"""The seam by which the FHIR door asks whether orders repeat what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .caller import Caller


@dataclass(frozen=True, slots=True)
class AskedOrders:
    """``orders`` are ServiceRequests as JSON values, ``known`` references to some that the hub holds. ``patient`` and
    ``encounter`` are references, empty where the orders say it themselves."""

    orders: Sequence[dict[str, Any]] = ()
    known: Sequence[str] = ()
    patient: str = ""
    encounter: str = ""


class DuplicateCheck(Protocol):
    async def __call__(self, asked: AskedOrders, caller: Caller) -> list[dict[str, Any]]:
        """One entry of ``Parameters.parameter`` for each order. Raises ExchangeError: nothing was checked then."""
        ...
