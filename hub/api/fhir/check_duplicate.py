"""``POST [base]/ServiceRequest/$check-duplicate``: whether orders repeat what was done or ordered already; an operation
of this hub's own (https://hl7.org/fhir/R4/operations.html).

In: ``order`` (a ServiceRequest as resource, or valueReference to one that the hub holds), 1..*; ``patient`` and
``encounter`` (valueReference) where the orders do not say it. A ServiceRequest alone, or a Bundle of them, is taken as
``order``. Out: for each order a parameter ``verdict`` with the parts ``order``, ``code``, ``coverage``, ``indicator``
and ``detail`` (where there is something to tell), ``id``, ``tables``, and ``issue``, the DetectedIssue that would stand
beside the order if it came.
"""

from typing import Any

import msgspec

from hub.contracts.duplicate_check import AskedOrders, DuplicateCheck
from hub.contracts.errors import Incorrect
from hub.fhir.model import decode

from .exchange import Request, Response
from .operation import Operation, Run
from .parameters import Parameters, missing, parameters_bytes
from .rooms import Rooms

_KNOWN = ("order", "patient", "encounter")


def check_duplicate(check: DuplicateCheck) -> Operation:
    return Operation("check-duplicate", "ServiceRequest", False, frozenset({"POST"}), _run(check))


def _run(check: DuplicateCheck) -> Run:
    async def run(rooms: Rooms, request: Request, _: str | None) -> Response:
        caller = rooms.caller(request)
        rooms.gate.check_action(caller, "cds")
        request.no_parameters()
        asked = _asked(await request.json_body())
        return Response(200, parameters_bytes(await check(asked, caller)))

    return run


def _asked(body: bytes) -> AskedOrders:
    """Raises Incorrect: 400 where parameters are wrong, 422 where an order is no valid resource."""
    parameters = Parameters.read(body, _KNOWN, or_resource="order")
    orders: list[dict[str, Any]] = []
    known: list[str] = []
    for value in parameters.values("order", "resource", "valueReference"):
        if "resourceType" not in value:
            known.append(_reference(value, "order"))
        elif value["resourceType"] == "Bundle":
            orders += [entry["resource"] for entry in value.get("entry", ()) if "resource" in entry]
        else:
            orders.append(value)
    for order in orders:
        decode(msgspec.json.encode(order), "ServiceRequest")
    if not orders and not known:
        raise missing("order", "resource or valueReference")
    patient, encounter = (parameters.value(name, "valueReference") for name in ("patient", "encounter"))
    return AskedOrders(
        orders,
        known,
        _reference(patient, "patient") if patient is not None else "",
        _reference(encounter, "encounter") if encounter is not None else "",
    )


def _reference(value: Any, name: str) -> str:
    stated = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(stated, str) or "/" not in stated:
        raise Incorrect(
            f"{name} is no reference.", where=name, remedy='Give {"reference": "Type/ID"}.', http_status=400
        )
    return "/".join(stated.partition("/_history/")[0].rstrip("/").split("/")[-2:])
