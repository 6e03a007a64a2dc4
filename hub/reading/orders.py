"""An order is done when its report is: FHIR R4 ServiceRequest.status, request-status ``completed``.

In the commit of the report, so that an examination that was reported never reads as one that is still under way, and no
worklist offers it again.
"""

from collections.abc import Iterable

import msgspec

from hub.contracts.caller import Role
from hub.contracts.store import CommitView, Stored, Written

from .facts import read_order

_UNDER_WAY = frozenset({"active", "on-hold"})
_ONE_TIME = frozenset({"order", "original-order", "filler-order", "instance-order"})
_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""The order element by element, each as it was written, so that the sender's digits stay."""


def complete(report: Written, orders: Iterable[str], written: frozenset[str], view: CommitView) -> None:
    """Set the orders (``ServiceRequest/ID``) that a final report names in ``basedOn`` to completed.

    Not those that are written in the same submission, whose sender says their status himself; not what recurs; and only
    on the word of a reading centre, of the order's own organization, or of the one it asks to perform it."""
    for reference in orders:
        if reference in written:
            continue
        stored = view.read("ServiceRequest", reference.partition("/")[2])
        if stored is not None and _is_answered(stored, report, view):
            body = _elements(stored.body) | {"status": msgspec.Raw(b'"completed"')}
            view.put("ServiceRequest", body, owner=stored.owner, id=stored.id, patient=stored.patient)


def _is_answered(stored: Stored, report: Written, view: CommitView) -> bool:
    order = read_order(stored.body)
    if order.status not in _UNDER_WAY or order.intent not in _ONE_TIME or order.occurrenceTiming is not None:
        return False
    if view.caller.role is Role.READER or stored.owner == report.owner:
        return True
    return any(one.id_of("Organization") == report.owner for one in order.performer)
