"""Every service but C-STORE and C-ECHO: the library decodes the request, then one of ours answers it on the socket.

While it does, the association's thread owns the socket, so that answers and sub-operations go out as fast as the line
takes them, and C-CANCEL is seen between two of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hub.contracts.errors import ExchangeError

from ..dimse.exchange import Ended, Exchange
from ..dimse.message import Element, Field, Value, encode_command, offending
from ..events import ASSOCIATION_BROKEN, SERVICE_REFUSED, log_fault
from ..status import PROCESSING_FAILURE, SOP_CLASS_NOT_SUPPORTED, error_comment
from .peers import Peer
from .upper_layer import INVALID_PDU

_FIELDS = {
    "C_FIND": Field.C_FIND_RQ, "C_MOVE": Field.C_MOVE_RQ, "C_GET": Field.C_GET_RQ, "N_CREATE": Field.N_CREATE_RQ,
    "N_SET": Field.N_SET_RQ, "N_ACTION": Field.N_ACTION_RQ,
}  # fmt: skip
_DATA = ("Identifier", "AttributeList", "ModificationList", "ActionInformation")


@dataclass(frozen=True, slots=True)
class Request:
    """``contexts`` are the association's accepted ones: (SOP class, transfer syntax, may we be SCU of it) by id."""

    peer: Peer
    field: Field
    context_id: int
    sop_class: str
    transfer_syntax: str
    message_id: int
    data: bytes = b""
    sop_instance: str = ""
    move_destination: str = ""
    action_type: int = 0
    priority: int = 0
    relational: bool = False
    contexts: Mapping[int, tuple[str, str, bool]] | None = None

    def response(
        self,
        status: int,
        comment: str = "",
        *,
        tag: int | None = None,
        more: Mapping[int, Value] | None = None,
        data_set: bool = False,
    ) -> bytes:
        """The command set of a response to this."""
        elements: dict[int, Value] = {
            Element.AFFECTED_SOP_CLASS: self.sop_class,
            Element.COMMAND_FIELD: self.field.response,
            Element.RESPONDED_TO: self.message_id,
            Element.STATUS: status,
        }
        if self.sop_instance:
            elements[Element.AFFECTED_SOP_INSTANCE] = self.sop_instance
        if comment:
            elements[Element.ERROR_COMMENT] = comment[:64]
        if tag is not None:
            elements[Element.OFFENDING_ELEMENT] = offending(tag)
        return encode_command(elements | dict(more or {}), data_set=data_set)


class Service(Protocol):
    def serve(self, request: Request, exchange: Exchange) -> None:
        """Send every response. What is raised before the last of them becomes the last: an ExchangeError by
        ``failure``, anything else 0110."""
        ...

    def failure(self, error: ExchangeError) -> int:
        """The status of this service that says so."""
        ...


class Services:
    """Which service answers which SOP class."""

    def __init__(self, by_sop_class: Mapping[str, Service]) -> None:
        self._by_sop_class = by_sop_class

    def serve(self, association: Any, primitive: Any, context_id: int) -> bool:
        """False, and nothing done, where the request is the library's to answer."""
        context = association._accepted_cx.get(context_id)
        kind = type(primitive).__name__
        if context is None or kind not in _FIELDS or association.peer is None:
            return False
        request = _request(association, primitive, context_id, context)
        if not association.dul.take_back():
            return True
        settings = association.provider.settings
        connection = association.dul.socket.socket
        exchange = Exchange(
            connection,
            peer_maximum_bytes=association.requestor.maximum_length,
            own_maximum_bytes=settings.maximum_pdu_bytes,
            seconds=settings.network_seconds,
            cancelled=association.dimse.cancel_req,
        )
        try:
            self._answer(request, exchange)
        except Ended as ended:
            if ended.pdu:
                association.dul.feed(ended.pdu)
        except ValueError as failure:
            ASSOCIATION_BROKEN.log(ae_title=request.peer.ae_title, why=str(failure))
            association.dul.event_queue.put(INVALID_PDU)
        finally:
            association.dul._idle_timer.restart()
            association.dul.hand_over()
        return True

    def _answer(self, request: Request, exchange: Exchange) -> None:
        service = self._by_sop_class.get(request.sop_class)
        if service is None:
            exchange.send(request.context_id, request.response(SOP_CLASS_NOT_SUPPORTED))
            return
        try:
            service.serve(request, exchange)
        except (Ended, ValueError):
            raise
        except ExchangeError as error:
            status = service.failure(error)
            SERVICE_REFUSED.log(
                client=request.peer.caller.client, ae_title=request.peer.ae_title, service=request.field.name,
                status=f"{status:04X}", what=error.what, where=error.where,
            )  # fmt: skip
            answer = request.response(status, error_comment(error), tag=_tag(error.where))
            exchange.send(request.context_id, answer)
        except Exception as failure:
            log_fault(request.field.name, failure)
            exchange.send(request.context_id, request.response(PROCESSING_FAILURE, "The gateway failed."))


def _request(association: Any, primitive: Any, context_id: int, context: Any) -> Request:
    data = next((found for name in _DATA if (found := getattr(primitive, name, None)) is not None), None)
    said = _either(primitive, "AffectedSOPClassUID", "RequestedSOPClassUID")
    agreed = str(context.abstract_syntax)
    return Request(
        peer=association.peer,
        field=_FIELDS[type(primitive).__name__],
        context_id=context_id,
        sop_class=agreed if said == agreed else "",
        transfer_syntax=str(context.transfer_syntax[0]),
        message_id=primitive.MessageID,
        data=data.getvalue() if data is not None else b"",
        sop_instance=_either(primitive, "AffectedSOPInstanceUID", "RequestedSOPInstanceUID"),
        move_destination=str(getattr(primitive, "MoveDestination", None) or "").strip(),
        action_type=getattr(primitive, "ActionTypeID", None) or 0,
        priority=getattr(primitive, "Priority", None) or 0,
        relational=agreed in association.relational,
        contexts={
            number: (str(one.abstract_syntax), str(one.transfer_syntax[0]), bool(one.as_scu))
            for number, one in association._accepted_cx.items()
        },
    )


def _either(primitive: Any, *names: str) -> str:
    return next((str(found) for name in names if (found := getattr(primitive, name, None))), "")


def _tag(where: str) -> int | None:
    """The tag that ``(gggg,eeee)`` begins with."""
    try:
        return int(where[1:5] + where[6:10], 16) if where.startswith("(") else None
    except ValueError:
        return None
