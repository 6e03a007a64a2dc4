"""Organizations as recognition sees them, read from their FHIR resource."""

from collections.abc import Callable
from typing import Any

import msgspec

from ..rows.fhir_reading import extensions, part, reference, text, value_of
from .recognition import Institution

Read = Callable[[str, str], bytes | None]
"""(type, id) → the body of a resource, None where there is none."""


def institution_from(organization: str, resource: Any) -> Institution:
    """What an Organization resource says; an organization without a resource says nothing."""
    level = next((str(value_of(each) or "") for each in extensions(resource, "hospital-level")), "")
    place = next((str(value_of(each) or "") for each in extensions(resource, "place")), "")
    parent = reference(part(resource, "partOf"))
    return Institution(
        id=organization,
        name=text(resource, "name"),
        parent=parent.partition("/")[2] if parent.startswith("Organization/") else "",
        level=level,
        place=place,
    )


class Institutions:
    """Looks organizations up, each once for as long as this object lives: a call, or a commit."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, Institution] = {}

    def __call__(self, organization: str) -> Institution:
        known = self._known.get(organization)
        if known is None:
            body = self._read("Organization", organization) if organization else None
            resource = msgspec.json.decode(body) if body else None
            known = self._known[organization] = institution_from(organization, resource)
        return known

    def know(self, institution: Institution) -> None:
        """One that is not of this county: it has no resource here."""
        self._known[institution.id] = institution
