"""Keeps the worklist true in the commits that concern it: an order that is placed, changed or ended, and the Task of a
modality that performs it."""

from collections.abc import Sequence
from functools import partial

import msgspec

from hub.contracts.errors import Forbidden
from hub.contracts.store import CommitView, Reaction, Stored, Written

from .facts import ACCESSION, Order, Understand, made_accession, read_order, read_task
from .tables import ROOM, WORKLIST_TABLES

IMAGING, OTHER, UNKNOWN = "imaging", "other", "unknown"
_STEPS = {"in-progress": "in-progress", "completed": "completed", "failed": "", "cancelled": "", "entered-in-error": ""}
_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""The order element by element, each as it was written, so that the sender's digits stay."""


def WorklistReaction(understand: Understand) -> Reaction:
    """The reaction of this room; ``understand`` is the examination room's reading of an order."""
    types = frozenset({"ServiceRequest", "Task"})
    return Reaction(room=ROOM, types=types, run=partial(_follow, understand), tables=WORKLIST_TABLES)


def kind_of(order: Order, exam_kind: str) -> str:
    """Imaging by category or by what its code means; unknown where neither tells."""
    if order.is_of_imaging_category or exam_kind == IMAGING:
        return IMAGING
    return OTHER if exam_kind else UNKNOWN


def _follow(understand: Understand, written: Sequence[Written], view: CommitView) -> None:
    for one in written:
        if one.type == "ServiceRequest":
            _follow_order(one, understand, view)
    for one in written:
        if one.type == "Task" and not one.deleted:
            _follow_step(one, view)


def _follow_order(one: Written, understand: Understand, view: CommitView) -> None:
    order = Order() if one.deleted else read_order(one.body)
    if one.version > 1 or one.deleted:
        view.execute("DELETE FROM worklist_place WHERE order_id = ?", (one.id,))
    now_us = int(view.now.timestamp() * 1_000_000)
    if not order.is_active:
        if one.version > 1 or one.deleted:
            view.execute("UPDATE worklist_order SET active = 0, changed_us = ? WHERE order_id = ?", (now_us, one.id))
        return
    kind = kind_of(order, understand(one.resource, one.owner, view.rows).kind)
    performers = order.performing_organizations
    accession = order.number(ACCESSION) or made_accession(one.id)
    view.execute(
        "INSERT INTO worklist_order (order_id, owner, performers, kind, accession, step, active, changed_us)"
        " VALUES (?, ?, ?, ?, ?, '', 1, ?) ON CONFLICT (order_id) DO UPDATE SET performers = excluded.performers,"
        " kind = excluded.kind, accession = excluded.accession, active = 1, changed_us = excluded.changed_us",
        (one.id, one.owner, " ".join(performers), kind, accession, now_us),
    )
    for organization in dict.fromkeys((one.owner, *performers)):
        view.execute(
            "INSERT OR IGNORE INTO worklist_place (organization, kind, order_id) VALUES (?, ?, ?)",
            (organization, kind, one.id),
        )


def _follow_step(one: Written, view: CommitView) -> None:
    """A performing Task takes its order off the worklist, puts it back when the examination was broken off, and ends it
    when it was done."""
    task = read_task(one.body)
    order_id = task.focus.id_of("ServiceRequest")
    if not task.is_performing or not order_id or task.status not in _STEPS:
        return
    rows = view.rows("SELECT owner, performers FROM worklist_order WHERE order_id = ?", (order_id,))
    if not rows:
        return
    owner, performers = rows[0]
    if one.owner != owner and one.owner not in performers.split():
        raise Forbidden(
            "This order is another organization's to perform.",
            where="Task.focus",
            remedy="Name an order of your own organization, or one that names it as performer.",
        )
    now_us = int(view.now.timestamp() * 1_000_000)
    step = _STEPS[task.status]
    view.execute("UPDATE worklist_order SET step = ?, changed_us = ? WHERE order_id = ?", (step, now_us, order_id))
    stored = view.read("ServiceRequest", order_id)
    if step == "completed" and stored is not None and _may_end(stored):
        body = _elements(stored.body) | {"status": msgspec.Raw(b'"completed"')}
        view.put("ServiceRequest", body, owner=stored.owner, id=stored.id, patient=stored.patient)


def _may_end(stored: Stored) -> bool:
    order = read_order(stored.body)
    return order.status in ("active", "on-hold") and order.is_one_time
