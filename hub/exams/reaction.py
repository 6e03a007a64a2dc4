"""Keeps the exam rows in the commit of the resources they tell of, and checks arriving orders again.

Every resource is read in the words of its owner: where that clinic has a code map, what was derived without it is
derived again inside the commit.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hub.contracts.caller import Role
from hub.contracts.store import CommitView, Reaction, SideTable, Written

from .code_maps import current as code_maps
from .code_maps import rereading, unread
from .naming.local_codes import LocalCodes
from .recheck import microseconds, recheck, to_be_checked
from .rows.exam_rows import TYPES, proto_rows
from .rows.row import TABLE
from .rows.row_writing import ROOM, Citations, forget, insert, rows_of

EXAMS_TABLES = SideTable(ROOM, "\n".join((TABLE, code_maps.TABLE, rereading.TABLE, unread.TABLE)))


def derive(resource_type: str, resource: Any) -> tuple[Any, ...]:
    """The rows of a resource, or the lines of a ConceptMap, made before the lock is taken."""
    if resource_type == code_maps.TYPE:
        return code_maps.derive(resource)
    return tuple(proto_rows(resource_type, resource))


class _OwnWords:
    """Resources as their owners' code maps read them."""

    def __init__(self, view: CommitView) -> None:
        self._view = view
        self._maps: dict[str, LocalCodes] = {}

    def __call__(self, one: Written) -> Written:
        local = self._maps.get(one.owner)
        if local is None:
            local = self._maps[one.owner] = code_maps.local_codes(self._view.rows, one.owner)
        if not local or one.deleted:
            return one
        return replace(one, derived={**one.derived, ROOM: tuple(proto_rows(one.type, one.resource, local))})


def _run(written: Sequence[Written], view: CommitView) -> None:
    now_us = microseconds(view.now)
    district = view.caller.organization if view.caller.role is Role.PLATFORM else ""
    for one in written:
        if one.type == code_maps.TYPE and code_maps.keep(one, view):
            rereading.ask_for(view, one.owner)
    concerned = list(map(_OwnWords(view), (one for one in written if one.type in TYPES)))
    citations = Citations(concerned, view)
    rows: list[tuple[Any, ...]] = []
    for one in concerned:
        if one.version > 1 or one.deleted:
            for report in forget(one, view):
                citations.report_of.setdefault(f"{one.type}/{one.id}", report)
        if not one.deleted and one.patient is not None and not to_be_checked(one, view):
            rows += rows_of(one, citations, now_us, district)
    insert(view, rows)
    for one in concerned:
        if to_be_checked(one, view):  # in order: of two equal ones the later is told
            insert(view, rows_of(one, citations, now_us, district))
            recheck(one, view)
    missed = [(one.owner, name) for one in concerned if (name := unread.missed(one, one.derived.get(ROOM, ())))]
    if missed:
        unread.count(view, missed, now_us)


def ExamsReaction() -> Reaction:
    """The reaction of this room: exam rows, code maps, and the recheck of orders."""
    return Reaction(ROOM, TYPES | {code_maps.TYPE}, _run, derive, EXAMS_TABLES)
