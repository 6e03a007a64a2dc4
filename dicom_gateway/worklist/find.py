"""The C-FIND SCP of the Modality Worklist (PS3.4 K.4): which orders a device is offered, and the others with the
reason."""

from collections.abc import Iterator, Mapping
from typing import Any

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError, Forbidden
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient
from hub.contracts.worklist import ScheduledOrder

from ..answer_charset import answer_charset
from ..device import DeviceProfile
from ..dimse.exchange import Exchange
from ..query.answer import identifier_bytes
from ..query.identifier import read_identifier
from ..query.matching import matches
from ..scp.peers import Peers
from ..scp.serving import Request
from ..settings import DicomSettings
from ..status import CANCELLED, PENDING, SUCCESS, query_status
from ..transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from .item import MODALITY, STEPS, asked_of, worklist_item

ORDER = "ServiceRequest"
_NO_KEYS = frozenset({"00080005", "00080201"})
_EACH = 50


class WorklistService:
    def __init__(self, settings: DicomSettings, hub: HubClient, peers: Peers, gate: Gate, audit: ReadAudit) -> None:
        self._settings = settings
        self._hub = hub
        self._peers = peers
        self._gate = gate
        self._audit = audit

    def failure(self, error: ExchangeError) -> int:
        return query_status(error)

    def serve(self, request: Request, exchange: Exchange) -> None:
        caller = self._peers.may(request.peer, "dicom-read")
        if not self._gate.scope(caller).sees_type(ORDER):
            raise Forbidden("This role reads no orders.", remedy="Use a client whose role does.")
        identifier = read_identifier(request.data, request.transfer_syntax)
        device = self._settings.device(request.peer.ae_title)
        charset = answer_charset(device.character_set, identifier.characters, self._settings.character_set)
        keys = {name: key for name, key in identifier.attributes.items() if name not in _NO_KEYS}
        found = [
            (order, item)
            for order, item in offered(self._hub, caller, device, request.peer.ae_title, _modality_asked(keys))
            if matches(keys, item)
        ]
        self._audit.note(caller, "worklist", ORDER, sorted({one.patient.id for one, _item in found if one.patient}))
        pending = request.response(PENDING, data_set=True)
        implicit = request.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        for begin in range(0, len(found), _EACH):
            if exchange.cancelled(request.message_id):
                exchange.send(request.context_id, request.response(CANCELLED))
                return
            answers = [
                (pending, identifier_bytes(asked_of(keys, item), charset, implicit=implicit))
                for _order, item in found[begin : begin + _EACH]
            ]
            exchange.send_all(request.context_id, answers)
        exchange.send(request.context_id, request.response(SUCCESS))


def offered(
    hub: HubClient, caller: Caller, device: DeviceProfile, ae_title: str, asked: str = ""
) -> Iterator[tuple[ScheduledOrder, dict[str, Any]]]:
    """The orders on a device's worklist with their items; ``asked`` is the Modality it asks for, if any."""
    for order in hub.scheduled_orders(caller):
        modality = device.modality(order.modality, asked)
        if not device.why_not(modality):
            yield order, worklist_item(order, modality, ae_title, device.station_name)


def _modality_asked(keys: Mapping[str, Any]) -> str:
    steps = keys.get(STEPS, {}).get("Value") or [{}]
    return str(next(iter((steps[0] or {}).get(MODALITY, {}).get("Value", ())), ""))
