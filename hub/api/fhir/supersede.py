"""``Patient/$supersede-number``: the authority gave a person a new resident number, and a person here approves it.

Parameters ``patient`` (a reference to any record of the person), ``old``, ``new`` (Identifier or string) and
``reason``. The old number stays in the records as ``use: old`` wherever the hub shows the person, and captures nobody
any more.
"""

import asyncio
from functools import partial
from typing import Any

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import Incorrect
from hub.contracts.persons import person_of_regional
from hub.fhir.outcome import success_outcome
from hub.identity.desk import Desk

from .exchange import Request, Response
from .operation import Operation
from .parameters import Parameters, missing
from .rooms import Rooms


def supersede_operation(desk: Desk) -> Operation:
    """``POST Patient/$supersede-number``."""
    return Operation("supersede-number", "Patient", False, frozenset({"POST"}), partial(_supersede, desk))


async def _supersede(desk: Desk, rooms: Rooms, request: Request, _: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "identity-review")
    request.no_parameters()
    asked = Parameters.read(await request.json_body(), ("patient", "old", "new", "reason"))
    patient = _patient(rooms, asked)
    old, new = _number(asked, "old"), _number(asked, "new")
    reason = asked.text("reason", needed=True) or ""
    await asyncio.wrap_future(desk.supersede(patient, old, new, reason, caller))
    rooms.audit.note(caller, "operation", "Patient", (patient,))
    return Response(200, success_outcome("The number was superseded; the old one captures nobody any more."))


def _patient(rooms: Rooms, asked: Parameters) -> str:
    reference = asked.value("patient", "valueReference")
    literal = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(literal, str) or not literal.startswith("Patient/"):
        raise missing("patient", "valueReference to Patient/ID")
    patient = literal.removeprefix("Patient/")
    if person_of_regional(patient) is not None and rooms.persons is not None:
        return next(iter(rooms.persons.sources(patient)), patient)
    return patient


def _number(asked: Parameters, name: str) -> str:
    value: Any = asked.value(name, "valueIdentifier", "valueString")
    if value is None:
        raise missing(name, "valueIdentifier, a resident number")
    if isinstance(value, dict):
        if value.get("system") not in (None, RESIDENT_ID):
            raise Incorrect(
                f"{name} is no resident number.", where=name, remedy=f"Use system {RESIDENT_ID}.", http_status=400
            )
        value = value.get("value")
    return str(value or "")
