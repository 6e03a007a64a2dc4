"""The queue of deliveries, as SQL: what waits, what is due, and what became of a try.

Order: to one place, what concerns one patient goes one after another (``chain``). A permanently refused item (``dead``)
holds nobody up; it is tried again at the slowest rate, until it arrives or a newer version of its report has.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.contracts.store import CommitView, ResourceReader

from .schedule import LONGEST_SECONDS, wait_seconds

HUB = Caller("hub", Role.SERVICE, "hub")
"""On whose behalf the queue is written."""


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery that is due. ``key`` is the same on every try, ``payload`` too; an empty payload could not be made
    when the report came (``delivery_item.error`` says why)."""

    number: int
    report_id: str
    version: int
    destination: str
    organization: str
    patient_id: str | None
    key: str
    attempts: int
    payload: bytes


def now_us() -> int:
    return int(time.time() * 1_000_000)


def queue(
    view: CommitView, report_id: str, version: int, destination: str, organization: str, patient_id: str | None,
    key: str, payload: bytes, error: str,
) -> None:  # fmt: skip
    """Add one delivery, once: a second time changes nothing. What waits before it to the same place about the same
    patient is due now, so that the new one need not sit out the old one's pause."""
    chain = patient_id or report_id
    now = int(view.now.timestamp() * 1_000_000)
    if view.rows(
        "SELECT 1 FROM delivery_item WHERE report_id = ? AND version = ? AND destination = ?",
        (report_id, version, destination),
    ):
        return
    view.execute(
        "UPDATE delivery_item SET next_us = ? WHERE destination = ? AND chain = ? AND state = 'waiting'",
        (now, destination, chain),
    )
    view.execute(
        "INSERT INTO delivery_item (report_id, version, destination, organization, patient_id, chain, key, state,"
        " queued_us, next_us, payload, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            report_id, version, destination, organization, patient_id, chain, key, "dead" if error else "waiting",
            now, now + LONGEST_SECONDS * 1_000_000 if error else now, payload, error,
        ),
    )  # fmt: skip


def is_known(store: ResourceReader, report_id: str, version: int) -> bool:
    """Whether a version of the report before this one was queued for anybody."""
    return bool(
        store.side_rows("SELECT 1 FROM delivery_item WHERE report_id = ? AND version < ? LIMIT 1", (report_id, version))
    )


def due_destinations(store: ResourceReader) -> Sequence[str]:
    """Places something is due for. Cheap: one range of a partial index."""
    rows = store.side_rows(
        "SELECT DISTINCT destination FROM delivery_item WHERE state IN ('waiting', 'dead') AND next_us <= ?",
        (now_us(),),
    )
    return [destination for (destination,) in rows]


def next_due(store: ResourceReader, destination: str) -> Item | None:
    """The oldest due item for a place that no older one about the same patient waits before."""
    rows = store.side_rows(
        "SELECT number, report_id, version, destination, organization, patient_id, key, attempts, payload"
        " FROM delivery_item AS one WHERE destination = ? AND state IN ('waiting', 'dead') AND next_us <= ?"
        " AND NOT EXISTS (SELECT 1 FROM delivery_item AS before WHERE before.destination = one.destination"
        " AND before.chain = one.chain AND before.state = 'waiting' AND before.number < one.number)"
        " ORDER BY number LIMIT 1",
        (destination, now_us()),
    )
    if not rows:
        return None
    number, report_id, version, to, organization, patient_id, key, attempts, payload = rows[0]
    return Item(number, report_id, version, to, organization, patient_id, key, attempts, bytes(payload or b""))


def delivered(view: CommitView, item: Item) -> None:
    """It arrived: older refused versions of the report are void, and the place is awake."""
    now = int(view.now.timestamp() * 1_000_000)
    view.execute(
        "UPDATE delivery_item SET state = 'delivered', attempts = attempts + 1, delivered_us = ?, error = '',"
        " payload = NULL WHERE number = ?",
        (now, item.number),
    )
    view.execute(
        "UPDATE delivery_item SET state = 'superseded', payload = NULL"
        " WHERE report_id = ? AND destination = ? AND version < ? AND state = 'dead'",
        (item.report_id, item.destination, item.version),
    )
    view.execute(
        "UPDATE delivery_item SET next_us = ? WHERE destination = ? AND state = 'waiting' AND unreached = 1",
        (now, item.destination),
    )


def not_delivered(view: CommitView, item: Item, error: str, *, unreached: bool) -> None:
    """It did not arrive, and must come again. ``unreached``: nobody was there; then whatever else is due there waits
    its own next pause, instead of each finding out for itself."""
    now = int(view.now.timestamp() * 1_000_000)
    view.execute(
        "UPDATE delivery_item SET attempts = attempts + 1, next_us = ?, error = ?, unreached = ? WHERE number = ?",
        (now + wait_seconds(item.attempts + 1) * 1_000_000, error, int(unreached), item.number),
    )
    if unreached:
        view.execute(
            "UPDATE delivery_item SET unreached = 1, next_us = ? + MIN(?, 1 << MIN(attempts, 9)) * 1000000"
            " WHERE destination = ? AND state = 'waiting' AND next_us <= ?",
            (now, LONGEST_SECONDS, item.destination, now),
        )


def refused(view: CommitView, item: Item, error: str) -> None:
    """The receiver will not have it as it is."""
    now = int(view.now.timestamp() * 1_000_000)
    view.execute(
        "UPDATE delivery_item SET state = 'dead', attempts = attempts + 1, next_us = ?, error = ?, unreached = 0"
        " WHERE number = ?",
        (now + LONGEST_SECONDS * 1_000_000, error, item.number),
    )


def retry_now(view: CommitView, number: int) -> None:
    """Raises NotFound unless there is such an item and it has not arrived."""
    now = int(view.now.timestamp() * 1_000_000)
    if not view.rows("SELECT 1 FROM delivery_item WHERE number = ? AND state IN ('waiting', 'dead')", (number,)):
        raise NotFound("No open delivery has this number.", remedy="List them with GET /delivery.")
    view.execute("UPDATE delivery_item SET next_us = ? WHERE number = ?", (now, number))


def listed(
    store: ResourceReader, state: str | None, count: int, *, organization: str | None = None
) -> list[dict[str, Any]]:
    """Newest first: ``id``, ``report``, ``version``, ``organization``, ``destination``, ``state``, ``tries``; when it
    was queued (``time``), is due (``next``) and arrived (``delivered``) as FHIR instants; ``error``, the name of a
    status or of an error class. Nothing of the content."""
    rows = store.side_rows(
        "SELECT number, report_id, version, organization, destination, state, attempts, error, queued_us, next_us,"
        " delivered_us FROM delivery_item WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR organization = ?2)"
        " ORDER BY number DESC LIMIT ?3",
        [state, organization, count],
    )
    names = ("id", "report", "version", "organization", "destination", "state", "tries", "error")
    shown = []
    for *told, queued_us, next_us, delivered_us in rows:
        item = dict(zip(names, told, strict=True))
        item["report"] = f"DiagnosticReport/{item['report']}"
        item["time"], item["delivered"] = _instant(queued_us), _instant(delivered_us)
        item["next"] = _instant(next_us) if item["state"] in ("waiting", "dead") else None
        shown.append(item)
    return shown


def _instant(at_us: int | None) -> str | None:
    if at_us is None:
        return None
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")


def counts(store: ResourceReader) -> dict[str, int]:
    """How many items have not arrived, by state."""
    rows = store.side_rows(
        "SELECT state, COUNT(*) FROM delivery_item WHERE state IN ('waiting', 'dead') GROUP BY state"
    )
    return {"waiting": 0, "dead": 0} | dict(rows)
