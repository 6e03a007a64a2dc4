"""SOP Class Extended Negotiation of the query classes (PS3.4 C.5.1.1): relational queries, and nothing else of it."""

from collections.abc import Mapping
from typing import Any

from ..sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND

_RELATIONAL = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})


def relational_answers(asked: Mapping[str, bytes]) -> dict[str, bytes]:
    """Application information to answer with, by SOP class: the first byte says whether relational queries are agreed
    on, the others decline what they ask for."""
    return {
        uid: bytes((info[0] == 1,)) + bytes(len(info) - 1) for uid, info in asked.items() if uid in _RELATIONAL and info
    }


def on_extended(event: Any) -> dict[str, bytes]:
    """Handler of ``evt.EVT_SOP_EXTENDED``; what is agreed on is kept with the association."""
    answers = relational_answers({str(uid): bytes(info) for uid, info in event.app_info.items()})
    event.assoc.relational = frozenset(uid for uid, answer in answers.items() if answer[0])
    return answers
