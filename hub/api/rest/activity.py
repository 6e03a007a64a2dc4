"""``GET /figures/activity``: how many reports, studies, reminders … an organization has a month. Nothing of a patient.

A clinic and a physician see their own organization's figures; an admin, an auditor and a reading centre the county's,
or one organization's (``organization=``).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from hub.contracts.caller import Role
from hub.contracts.errors import Incorrect
from hub.contracts.gate import Gate
from hub.contracts.search import Searches
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
"""``DiagnosticReport`` are reads, ``DetectedIssue`` orders that duplicated."""
_COUNTY = frozenset({Role.ADMIN, Role.AUDITOR, Role.READER})


def activity_router(searches: Searches, gate: Gate) -> APIRouter:
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
        if resource_type not in COUNTED:
            raise Incorrect(
                "This type is not counted here.", where="type", remedy=f"Ask for one of {', '.join(COUNTED)}.",
                http_status=400,
            )  # fmt: skip
        owner = (organization or None) if caller.role in _COUNTY else caller.organization
        found, engine = await searches.activity(resource_type, months_between(first, last), owner)
        items = [
            {"organization": name, "month": month, "count": count} for (name, month), count in sorted(found.items())
        ]
        return {"type": resource_type, "engine": engine, "items": items}

    return router
