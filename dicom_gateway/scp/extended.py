"""SOP Class Extended Negotiation of the query classes (PS3.4 C.5.1.1): relational queries, and nothing else of it."""

from typing import Any

from ..sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND

_RELATIONAL = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})


def on_extended(event: Any) -> dict[str, bytes]:
    """Handler of ``evt.EVT_SOP_EXTENDED``; what is agreed on is kept with the association."""
    asked = {str(uid): bytes(info) for uid, info in event.app_info.items() if str(uid) in _RELATIONAL and info}
    event.assoc.relational = frozenset(uid for uid, info in asked.items() if info[0] == 1)
    return {uid: bytes((info[0] == 1,)) + bytes(len(info) - 1) for uid, info in asked.items()}
