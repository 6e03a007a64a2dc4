"""What destinations say of objects that they were asked to keep: N-EVENT-REPORT (PS3.4 J.3.3), we as SCU."""

import time

from hub.contracts.errors import Incorrect

from ..commitment.words import FAILED_OBJECTS, OBJECTS, SOP_INSTANCE, TRANSACTION
from ..query.identifier import Identifier, where
from ..study_index.route_items import RouteItems

_SECONDS = 30.0


def take_report(items: RouteItems, ae_title: str, identifier: Identifier) -> int:
    """Durable on return; how many objects it was about. Raises Incorrect where it names no transaction."""
    transaction = identifier.text(TRANSACTION)
    if not transaction:
        raise Incorrect("The report names no transaction.", where=where(TRANSACTION), issue_code="required")
    kept, lost = _uids(identifier, OBJECTS), _uids(identifier, FAILED_OBJECTS)
    return items.committed(ae_title, transaction, kept, lost, time.time_ns() // 1000).result(_SECONDS)


def _uids(identifier: Identifier, name: str) -> list[str]:
    found = []
    for item in identifier.attributes.get(name, {}).get("Value") or ():
        found += [str(uid) for uid in (item or {}).get(SOP_INSTANCE, {}).get("Value") or ()]
    return found
