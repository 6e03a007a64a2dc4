"""Our ``Request`` from what pynetdicom's reactor has decoded."""

from typing import Any

from ..dimse.message import Field
from .serving import Request

_FIELDS = {
    "C_FIND": Field.C_FIND_RQ, "C_MOVE": Field.C_MOVE_RQ, "C_GET": Field.C_GET_RQ, "N_CREATE": Field.N_CREATE_RQ,
    "N_SET": Field.N_SET_RQ, "N_ACTION": Field.N_ACTION_RQ, "N_EVENT_REPORT": Field.N_EVENT_REPORT_RQ,
}  # fmt: skip
_DATA = ("Identifier", "AttributeList", "ModificationList", "ActionInformation", "EventInformation")


def request_of_primitive(association: Any, primitive: Any, context_id: int) -> Request | None:
    """None where the request is the library's to answer."""
    context, kind = association._accepted_cx.get(context_id), type(primitive).__name__
    if context is None or kind not in _FIELDS or association.peer is None:
        return None
    data = next((found for name in _DATA if (found := getattr(primitive, name, None)) is not None), None)
    said = _either(primitive, "AffectedSOPClassUID", "RequestedSOPClassUID")
    agreed = str(context.abstract_syntax)
    return Request(
        peer=association.peer,
        field=_FIELDS[kind],
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
