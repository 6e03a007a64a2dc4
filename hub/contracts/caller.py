"""Who asks, and what that lets them see. Both come from the credential, never from a payload."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    CLINIC = "clinic"
    PHYSICIAN = "physician"
    READER = "reader"
    PLATFORM = "platform"
    ADMIN = "admin"
    AUDITOR = "auditor"
    PATIENT = "patient"
    SERVICE = "service"
    """The hub's own satellites and followers; never given out by ``hub client add``."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A registered client, and the practitioner it acts for in this call.

    ``organization`` is the FHIR id of the client's Organization. ``actor`` is a reference
    (``Practitioner/ID``) stated by the client and recorded, not verified.
    """

    client: str
    role: Role
    organization: str
    actor: str | None = None
    purpose: str | None = None
    person: str | None = None
    """For role ``patient`` alone: the Person id whose record this is."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may read. Every read of a store takes one; there is no read without.

    A row is readable when its type is readable (``types`` is None or holds it; ``hidden_types`` does not) and

    - ``owners`` is None (all organizations), or
    - its owner is in ``owners``, or it was shared with one of ``owners``, or
    - ``sender`` is set and the row was sent by that client, or
    - ``person`` is set and the row belongs to a Patient of that Person, or
    - it is one of the ``patients`` (ids of Patients) or lies in the compartment of one.
    """

    owners: frozenset[str] | None
    types: frozenset[str] | None = None
    hidden_types: frozenset[str] = frozenset()
    sender: str | None = None
    person: str | None = None
    patients: frozenset[str] | None = None

    def sees_type(self, resource_type: str) -> bool:
        return resource_type not in self.hidden_types and (self.types is None or resource_type in self.types)


EVERYTHING = Scope(owners=None)
"""For the hub's own followers and consequences; never handed to a door."""
