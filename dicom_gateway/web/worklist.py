"""What a device would see on its worklist, and of the other orders why it does not: a worklist that stays empty says
nothing by itself.

``GET /dicom-web/worklist?ae-title=TITLE``, for clients of the organization that the AE title belongs to; operations
get the same without the patients.
"""

from typing import Any

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError, Incorrect
from hub.contracts.far_end import LOOPBACK
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient
from hub.contracts.worklist import ScheduledOrder

from ..device import DeviceProfile
from ..settings import DicomSettings
from ..worklist.find import ORDER
from ..worklist.item import start_of, study_instance_uid
from .asgi import Answer, Request, not_found

OPERATIONS = "operations"


class WorklistView:
    def __init__(self, settings: DicomSettings, hub: HubClient, gate: Gate, audit: ReadAudit) -> None:
        self._settings = settings
        self._hub = hub
        self._gate = gate
        self._audit = audit

    def answer(self, request: Request) -> Answer:
        """May read from disk: call it off the event loop."""
        ae_title = dict(request.query).get("ae-title", "").strip()
        if not ae_title:
            raise Incorrect(
                "Which device is not said.", where="ae-title", remedy="Give ?ae-title=TITLE.", http_status=400
            )
        owner = self._hub.caller_by_ae_title(ae_title, LOOPBACK)
        named = owner is not None and self._sees_patients(request.caller, owner)
        if owner is None or not (named or self._operates(request.caller)):
            raise not_found()
        device = self._settings.device(ae_title)
        orders = self._hub.scheduled_orders(owner, others=True)
        if named:
            patients = sorted({one.patient.id for one in orders if one.patient})
            self._audit.note(request.caller, "worklist", ORDER, patients)
        body = {
            "ae_title": ae_title,
            "organization": owner.organization,
            "profile": {
                "character_set": device.character_set, "x_ray": device.x_ray, "station_name": device.station_name,
                "modalities": sorted(device.modalities),
            },
            "orders": [_order(one, device, named=named) for one in orders],
        }  # fmt: skip
        return Answer(200, msgspec.json.encode(body), "application/json")

    def _sees_patients(self, caller: Caller, owner: Caller) -> bool:
        return caller.organization == owner.organization and self._gate.scope(caller).sees_type(ORDER)

    def _operates(self, caller: Caller) -> bool:
        try:
            self._gate.check_action(caller, OPERATIONS)
        except ExchangeError:
            return False
        return True


def _order(order: ScheduledOrder, device: DeviceProfile, *, named: bool) -> dict[str, Any]:
    modality = device.modality(order.modality)
    why_not = order.why_not or device.why_not(modality)
    day, time = start_of(order.start)
    shown: dict[str, Any] = {
        "order": f"ServiceRequest/{order.id}", "shown": not why_not, "why_not": why_not, "modality": modality,
        "start": f"{day} {time}", "accession_number": order.accession_number,
        "study_instance_uid": study_instance_uid(order.id),
    }  # fmt: skip
    if named:
        shown["name"] = order.name
        if order.patient is not None:
            shown["patient"] = {"number": order.patient.number, "name": order.patient.name}
    return shown
