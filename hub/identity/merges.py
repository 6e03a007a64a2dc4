"""Merging two records that a source or a person declares to be one, and taking that back exactly.

A merge is an assertion of its own origin. Nothing of the records or their persons is rewritten, so that undoing it
leaves what would be there without it.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hub.contracts.errors import Conflict, NotFound
from hub.contracts.store import CommitView

from . import records
from .actions import assert_same
from .clock import now_us
from .events import acted
from .placing import Placing
from .records import Rows
from .weights_in_force import weights_in_force

_COLUMNS = "id, source, target, reason, client, actor, at_us, undone_us, undone_reason"


@dataclass(frozen=True, slots=True)
class Merge:
    """``source`` was merged into ``target`` (Patient ids). ``undone_us`` None: it stands."""

    id: str
    source: str
    target: str
    reason: str
    client: str
    actor: str | None
    at_us: int
    undone_us: int | None
    undone_reason: str | None


def merge(view: CommitView, source_patient: str, target_patient: str, reason: str, merge_id: str | None = None) -> str:
    """Gives the id by which the merge is undone: ``merge_id`` where there is one that names it for good. A merge that
    stands already gives its id again. Raises what ``assert_same`` raises."""
    standing = [one for one in merges_of(view.rows, source_patient) if one.undone_us is None]
    for one in standing:
        if (one.source, one.target) == (source_patient, target_patient):
            return one.id
    ((count,),) = view.rows("SELECT count(*) FROM identity_merge WHERE source = ?", (source_patient,))
    digest = hashlib.sha256(f"merge {source_patient} {target_patient} {count}".encode()).digest()
    merge_id = merge_id or base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()
    assert_same(view, source_patient, target_patient, reason, origin=f"merge {merge_id}")
    view.execute(
        f"INSERT INTO identity_merge ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",  # noqa: S608
        (merge_id, source_patient, target_patient, reason, view.caller.client, view.caller.actor, now_us(view)),
    )
    return merge_id


def unmerge(view: CommitView, merge_id: str, reason: str) -> Merge:
    """Take a merge back; the rules decide again, without it. Raises NotFound, or Conflict where it is undone already.
    Records that the rules link without the merge stay linked: ``assert_not_same`` parts those."""
    found = merge_of(view.rows, merge_id)
    if found is None:
        raise NotFound("There is no such merge.", remedy="Check the merge id that $merge answered.")
    if found.undone_us is not None:
        raise Conflict("This merge is undone already.", remedy="Nothing is left to do.")
    view.execute("DELETE FROM identity_assertion WHERE origin = ?", (f"merge {merge_id}",))
    view.execute(
        "UPDATE identity_merge SET undone_us = ?, undone_reason = ? WHERE id = ?", (now_us(view), reason, merge_id)
    )
    acted(view, "unmerge", found.source, f"{found.target}: {reason}")
    seeds = records.of_patients(view.rows, [found.source, found.target])
    if seeds:
        Placing(view, weights_in_force(view.rows)).part(seeds)
    undone = merge_of(view.rows, merge_id)
    assert undone is not None  # noqa: S101 - it was found above
    return undone


def merge_of(rows: Rows, merge_id: str) -> Merge | None:
    found = rows(f"SELECT {_COLUMNS} FROM identity_merge WHERE id = ?", (merge_id,))  # noqa: S608
    return Merge(*found[0]) if found else None


def merges_of(rows: Rows, patient_id: str) -> Sequence[Merge]:
    """Merges in which this Patient was the source, the oldest first."""
    sql = f"SELECT {_COLUMNS} FROM identity_merge WHERE source = ? ORDER BY at_us, id"  # noqa: S608
    return [Merge(*row) for row in rows(sql, (patient_id,))]
