"""Where an order was placed, for the figures: the service of its encounter, else what its requester belongs to, else
who is to perform it. A person's name is never a department."""

from collections.abc import Callable
from typing import Any

from hub.exams.rows.fhir_reading import concept, concepts, name_of, part, parts, reference, text

LONGEST = 100


def department_of(draft: Any, encounter: str, read: Callable[[str], Any]) -> str:
    """Empty where nothing says it. ``read`` gives the resource behind a reference, None where there is none."""
    if encounter.startswith("Encounter/"):
        service = name_of(concept(part(read(encounter), "serviceType")))
        if service:
            return service[:LONGEST]
    requester = part(draft, "requester")
    ref = reference(requester)
    if ref.startswith("PractitionerRole/"):
        role = read(ref)
        specialty = next((name for said in concepts(role, "specialty") if (name := name_of(said))), "")
        return (specialty or text(part(role, "organization"), "display"))[:LONGEST]
    if ref.startswith("Organization/"):
        return (text(requester, "display") or text(read(ref), "name"))[:LONGEST]
    for performer in parts(draft, "performer"):
        if reference(performer).startswith(("HealthcareService/", "Organization/")) and text(performer, "display"):
            return text(performer, "display")[:LONGEST]
    return ""
