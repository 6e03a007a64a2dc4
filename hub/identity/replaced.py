"""Patients of which their own source says that another record replaces them (FHIR R4 patient.html#dup-records; PIXm
ITI-104, resolve duplicate)."""

from typing import Any

import msgspec

from hub.contracts.errors import NotFound
from hub.contracts.store import CommitView, Written

Reference = tuple[str | None, str | None, str | None]
"""``Patient/ID``, or system and value."""


def derive(resource_type: str, resource: Any) -> tuple[Reference, ...] | None:
    """What a Patient says it is replaced by; None where it does not."""
    if resource_type != "Patient" or getattr(resource, "active", None) is not False:
        return None
    links = getattr(resource, "link", None)
    if not isinstance(links, list | tuple):
        return None
    found = []
    for link in msgspec.to_builtins(links):
        other = link.get("other") or {}
        identifier = other.get("identifier") or {}
        if link.get("type") == "replaced-by":
            found.append((other.get("reference"), identifier.get("system"), identifier.get("value")))
    return tuple(found) or None


def successor(reference: Reference, one: Written, view: CommitView) -> str | None:
    """Id of the Patient that replaces this one; None where the reference leads to another server. Raises NotFound where
    there is no such Patient of the same organization."""
    literal, system, value = reference
    if literal is not None and not literal.startswith("Patient/"):
        return None
    if literal is not None:
        known = view.read("Patient", literal.removeprefix("Patient/").partition("/")[0])
        found = [known] if known is not None else []
    else:
        found = list(view.find("Patient", "identifier", system, value)) if value else []
    own = [each.id for each in found if each.owner == one.owner and each.id != one.id]
    if len(own) != 1:
        raise NotFound(
            "The Patient that replaces this one is not known.",
            where="Patient.link.other",
            remedy="Send the surviving Patient first, and name it by a number that it alone has.",
            http_status=422,
        )
    return own[0]
