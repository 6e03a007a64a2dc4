"""Reading again what is there already, after a code map has changed or by command: resource by resource, in small
commits, so that nobody waits.

Until it has ended, older resources stand as they were read before. How far it has come is kept, so that it can be told
and goes on where it was after a restart.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.store import CommitView, ResourceStore, Select, Stored, Written
from hub.contracts.submission import Entry, Method
from hub.fhir.search import parse

from ..rows.exam_rows import proto_rows
from ..rows.fhir_reading import moment_us
from ..rows.row import decode_detail
from ..rows.row_writing import ROOM, Citations, forget, insert, rows_of
from .current import local_codes

TABLE = """
CREATE TABLE IF NOT EXISTS exams_reread (
    organization TEXT PRIMARY KEY, asked_us INTEGER NOT NULL, type TEXT NOT NULL, after TEXT, seen INTEGER NOT NULL,
    changed INTEGER NOT NULL, done_us INTEGER
) WITHOUT ROWID;
"""
EVERYBODY = ""
"""Stands for all organizations."""
AT_ONCE = 200
_ORDER = ("Observation", "ImagingStudy", "DiagnosticReport", "Procedure", "ServiceRequest", "CarePlan")
"""What is cited before what cites it."""
_HUB = Caller("hub", Role.SERVICE, "hub")


def ask_for(view: CommitView, organization: str = EVERYBODY) -> None:
    """Read again what this organization sent, from the beginning."""
    now_us = int(view.now.timestamp() * 1_000_000)
    row = (organization, now_us, _ORDER[0], None, 0, 0, None)
    view.execute("INSERT OR REPLACE INTO exams_reread VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def progress(select: Select, organization: str | None = None) -> list[dict[str, Any]]:
    """How far each reading has come: ``seen`` and ``changed`` count resources, ``done_us`` is None until it has
    ended."""
    rows = select("SELECT organization, asked_us, seen, changed, done_us FROM exams_reread ORDER BY asked_us", ())
    names = ("organization", "asked_us", "seen", "changed", "done_us")
    told = [dict(zip(names, row, strict=True)) for row in rows]
    return [one for one in told if organization is None or one["organization"] in (organization, EVERYBODY)]


def step(store: ResourceStore) -> bool:
    """Read the next few resources again, in a commit of their own; False where nothing is left to read."""
    waiting = store.side_rows(
        "SELECT organization, asked_us, type, after FROM exams_reread WHERE done_us IS NULL ORDER BY asked_us LIMIT 1",
        (),
    )
    if not waiting:
        return False
    organization, asked_us, resource_type, after = waiting[0]
    scope = Scope(owners=None if organization == EVERYBODY else frozenset({organization}))
    page = store.search(parse(resource_type, [("_count", str(AT_ONCE))]), scope, after=after)
    found = [one for one in page.matches if organization in (EVERYBODY, one.owner)]
    kind: str | None = resource_type
    if page.next is None:
        later = _ORDER.index(resource_type) + 1
        kind = _ORDER[later] if later < len(_ORDER) else None

    def act(view: CommitView) -> None:
        changed = read_again(view, found)
        view.execute(
            "UPDATE exams_reread SET type = ?, after = ?, seen = seen + ?, changed = changed + ?, done_us = ?"
            " WHERE organization = ? AND asked_us = ? AND type = ? AND after IS ?",
            (kind or resource_type, page.next, len(found), changed,
             None if kind else int(view.now.timestamp() * 1_000_000), organization, asked_us, resource_type, after),
        )  # fmt: skip

    store.act(act, _HUB).result()
    return True


def read_again(view: CommitView, found: Sequence[Stored]) -> int:
    """Derive the rows of these resources anew, in their versions of now; how many have other rows than before."""
    changed = 0
    for one in found:
        stored = view.read(one.type, one.id)
        if stored is None or stored.patient is None:
            continue
        before = _rows(view, stored)
        protos = tuple(proto_rows(stored.type, resource := msgspec.json.decode(stored.body),
                                  local_codes(view.rows, stored.owner)))  # fmt: skip
        entry = Entry(Method.UPDATE, stored.type, id=stored.id)
        written = Written(stored.type, stored.id, stored.version, stored.body, resource, stored.owner, stored.patient,
                          entry, 0, None, derived={ROOM: protos})  # fmt: skip
        citations = Citations([written], view)
        for report in forget(written, view):
            citations.report_of.setdefault(stored.reference, report)
        arrived = moment_us(stored.last_updated)
        nobodys = any(decode_detail(detail).unattributed for *_, detail in before)
        insert(view, rows_of(written, citations, arrived[0] if arrived else 0, stored.owner if nobodys else ""))
        changed += _rows(view, stored) != before
    return changed


def _rows(view: CommitView, stored: Stored) -> list[tuple[Any, ...]]:
    return view.rows("SELECT key, anchor_us, state, exam, links, detail FROM exams_row WHERE ref = ? ORDER BY 1, 2",
                     (stored.reference,))  # fmt: skip
