"""One person across all clinics, as other rooms see it."""

from collections.abc import Sequence
from typing import Any, Protocol

from .caller import Scope

REGIONAL_PREFIX = "regional-"
"""The regional Patient of a person has this before the person's id; no source Patient may have such an id."""


def regional_id(person_id: str) -> str:
    """Id of the regional Patient of a person."""
    return REGIONAL_PREFIX + person_id


def person_of_regional(patient_id: str) -> str | None:
    """Person id of a regional Patient's id; None for the id of a source."""
    return patient_id.removeprefix(REGIONAL_PREFIX) if patient_id.startswith(REGIONAL_PREFIX) else None


class Persons(Protocol):
    """Reads of the links between source Patients and regional Persons; current as of the last commit."""

    def person_of(self, patient_id: str) -> str | None:
        """Person id of a source Patient or of a regional one; None where there is no such Patient."""
        ...

    def sources(self, patient_id: str) -> Sequence[str]:
        """Ids of all source Patients of the same person, ``patient_id`` first; just itself where nothing is linked. Of
        a regional Patient: its sources, without itself."""
        ...

    def patients(self, person_id: str) -> Sequence[str]:
        """Ids of the source Patients of a person; empty where there is no such person."""
        ...

    def view(self, person_id: str, scope: Scope) -> dict[str, Any] | None:
        """The Person as FHIR R4 JSON, ``link`` holding only the Patients that ``scope`` may read; None if there is none
        or none of its Patients may be read."""
        ...

    def regional(self, person_id: str, scope: Scope) -> dict[str, Any] | None:
        """The regional Patient as FHIR R4 JSON, made of the Patients that ``scope`` may read; None as in ``view``."""
        ...
