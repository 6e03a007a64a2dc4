"""Every service but C-STORE: which one answers a request, and what is answered where it fails.

While it does, the association's thread owns the socket, so that answers and sub-operations go out as fast as the line
takes them, and C-CANCEL is seen between two of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hub.contracts.errors import ExchangeError

from ..dimse.exchange import Ended, Exchange
from ..dimse.message import Element, Field, Value, encode_command, offending
from ..events import SERVICE_REFUSED, log_fault
from ..status import PROCESSING_FAILURE, SOP_CLASS_NOT_SUPPORTED, UNRECOGNIZED_OPERATION, error_comment
from .command_set import CommandSet, number
from .negotiation import Agreement, Contexts
from .peers import Peer

REQUESTS = frozenset({
    Field.C_ECHO_RQ, Field.C_FIND_RQ, Field.C_MOVE_RQ, Field.C_GET_RQ, Field.N_CREATE_RQ, Field.N_SET_RQ,
    Field.N_ACTION_RQ, Field.N_EVENT_REPORT_RQ,
})  # fmt: skip
"""What the services answer; C-STORE is not among them."""


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
    contexts: Contexts | None = None

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

    def answer(self, request: Request, exchange: Exchange) -> None:
        """Every response of it. Raises Ended where the peer leaves, ValueError where it breaks the protocol."""
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


def request_of(command: CommandSet, data: bytes, context_id: int, peer: Peer, agreement: Agreement) -> Request | None:
    """The request in a command set that has a Message ID; None for an operation that nobody here performs. Raises
    ValueError where a number is none."""
    field = number(command, Element.COMMAND_FIELD)
    if field not in REQUESTS:
        return None

    def text(*elements: int) -> str:
        return next((found for one in elements if (found := _text(command.get(one, b"")))), "")

    agreed, transfer_syntax, _as_scu = agreement.contexts[context_id]
    said = text(Element.AFFECTED_SOP_CLASS, Element.REQUESTED_SOP_CLASS)
    return Request(
        peer=peer,
        field=Field(field),
        context_id=context_id,
        sop_class=agreed if said == agreed else "",
        transfer_syntax=transfer_syntax,
        message_id=number(command, Element.MESSAGE_ID),
        data=data,
        sop_instance=text(Element.AFFECTED_SOP_INSTANCE, Element.REQUESTED_SOP_INSTANCE),
        move_destination=text(Element.MOVE_DESTINATION),
        action_type=number(command, Element.ACTION_TYPE) if Element.ACTION_TYPE in command else 0,
        priority=number(command, Element.PRIORITY) if Element.PRIORITY in command else 0,
        relational=agreed in agreement.relational,
        contexts=agreement.contexts,
    )


def unrecognized(command: CommandSet) -> bytes:
    """The command set that refuses an operation nobody here performs (PS3.7 C.5.16). Raises ValueError."""
    elements: dict[int, Value] = {
        Element.COMMAND_FIELD: number(command, Element.COMMAND_FIELD) | Field.RESPONSE,
        Element.RESPONDED_TO: number(command, Element.MESSAGE_ID),
        Element.STATUS: UNRECOGNIZED_OPERATION,
    }
    if sop_class := command.get(Element.AFFECTED_SOP_CLASS) or command.get(Element.REQUESTED_SOP_CLASS):
        elements[Element.AFFECTED_SOP_CLASS] = sop_class
    return encode_command(elements, data_set=False)


def _text(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\0 ")


def _tag(where: str) -> int | None:
    """The tag that ``(gggg,eeee)`` begins with."""
    try:
        return int(where[1:5] + where[6:10], 16) if where.startswith("(") else None
    except ValueError:
        return None
