"""How an accepted order is answered (HL7 v2.5.1 chapter 4.4): the response message of its event instead of a bare ACK,
with what the hub found about its orders in NTE segments. MSA-1 is AA as ever: the order is on disk.
"""

from collections.abc import Mapping

from hub.contracts.submission import Receipt

from .message import Message
from .orm_o01 import orders

RESPONSES: Mapping[tuple[str, str], tuple[str, str, str]] = {
    ("ORM", "O01"): ("ORR", "O02", "ORR_O02"),
    ("OML", "O21"): ("ORL", "O22", "ORL_O22"),
    ("OMG", "O19"): ("ORG", "O20", "ORG_O20"),
    ("OMI", "O23"): ("ORI", "O24", "ORI_O24"),
}
"""Message type and event of an order → those of its response, and its structure."""
IN_ENGLISH = "Duplicate examination"
_ORDERED = frozenset({"ServiceRequest", "MedicationRequest"})


def response_of(kind: str, event: str) -> tuple[str, str, str] | None:
    """MSH-9 of the answer; None where a plain ACK is what the standard knows."""
    return RESPONSES.get((kind.upper(), event.upper() or {"ORM": "O01", "OML": "O21"}.get(kind.upper(), "")))


def notes(message: Message, receipt: Receipt) -> tuple[str, ...]:
    """One text for each finding, naming the order by its placer or filler number. Made of the message and the receipt
    alone: sent again, the message gets the same."""
    if not receipt.notices:
        return ()
    ordered = [outcome.reference for outcome in receipt.outcomes if outcome.type in _ORDERED]
    numbers = dict(zip(ordered, (_number(message, at) for at in range(len(ordered))), strict=True))
    found = []
    for notice in receipt.notices:
        number = numbers.get(notice.reference, "")
        named = f"医嘱 {number}：" if number else ""
        found.append(f"{named}{notice.text} ({IN_ENGLISH}: {notice.code})")
    return tuple(found)


def _number(message: Message, at: int) -> str:
    """ORC-2 or ORC-3 of the order at this place, else OBR-2 or OBR-3."""
    for place, order in enumerate(orders(message)):
        if place == at:
            for segment in (order.orc, order.detail):
                for field in (2, 3):
                    if segment is not None and segment.name in ("ORC", "OBR") and segment.text(field):
                        return segment.text(field)
    return ""
