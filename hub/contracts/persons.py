"""One person across all clinics, as other rooms see it."""

from collections.abc import Sequence
from typing import Any, Protocol

from .caller import Scope


class Persons(Protocol):
    """Reads of the links between source Patients and regional Persons; current as of the last commit."""

    def person_of(self, patient_id: str) -> str | None:
        """Person id of a source Patient; None where there is no such Patient."""
        ...

    def sources(self, patient_id: str) -> Sequence[str]:
        """Ids of all source Patients of the same person, ``patient_id`` first; just itself where nothing is linked."""
        ...

    def view(self, person_id: str, scope: Scope) -> dict[str, Any] | None:
        """The Person as FHIR R4 JSON, ``link`` holding only the Patients that ``scope`` may read; None if there is none
        or none of its Patients may be read."""
        ...
