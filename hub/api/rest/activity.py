"""``GET /figures/activity``: how many reports, studies, look-ups, reminders … an organization has a month. Nothing of a
patient.

A clinic and a physician see their own organization's figures; an admin, an auditor and a reading centre the county's,
or one organization's (``organization=``).
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from hub.contracts.caller import Role
from hub.contracts.errors import Incorrect
from hub.contracts.gate import Gate
from hub.contracts.search import Searches, Tally
from hub.fhir.months import months_between

from .caller import caller_of

COUNTED = (
    "DetectedIssue",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "ImagingStudy",
    "ServiceRequest",
    "Task",
)
"""``DiagnosticReport`` are what was read and reported, ``DetectedIssue`` orders that duplicated."""
_COUNTY = frozenset({Role.ADMIN, Role.AUDITOR, Role.READER})


def activity_router(searches: Searches, gate: Gate, tallies: Mapping[str, Tally]) -> APIRouter:
    """``tallies``: what is counted beside resources, by its kind."""
    router = APIRouter(tags=["figures"])

    @router.get("/figures/activity")
    async def activity(
        request: Request,
        first: Annotated[str, Query(alias="from")],
        last: Annotated[str, Query(alias="to")],
        resource_type: Annotated[str, Query(alias="type")] = "DiagnosticReport",
        organization: str | None = None,
    ) -> dict[str, Any]:
        """Months are ``YYYY-MM``; ``engine`` is what counted, with the same result on either."""
        caller = caller_of(request)
        gate.check_action(caller, "figures")
        if resource_type not in COUNTED and resource_type not in tallies:
            known = ", ".join((*COUNTED, *tallies))
            raise Incorrect(
                "This type is not counted here.", where="type", remedy=f"Ask for one of {known}.", http_status=400
            )
        owner = (organization or None) if caller.role in _COUNTY else caller.organization
        months, tally = months_between(first, last), tallies.get(resource_type)
        counting = searches.tallied(tally, months, owner) if tally else searches.activity(resource_type, months, owner)
        found, engine = await counting
        items = [
            {"organization": name, "month": month, "count": count} for (name, month), count in sorted(found.items())
        ]
        return {"type": resource_type, "engine": engine, "items": items}

    return router
