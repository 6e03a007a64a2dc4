"""What was refused but kept: the list in a side table, the exact bytes as blobs."""

import hashlib
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from hub.contracts.blob_store import BlobStore
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden, NotFound
from hub.contracts.quarantine import Refusal
from hub.contracts.store import CommitView, ResourceStore, SideTable
from hub.contracts.submission import Original
from hub.telemetry import metrics

TABLES = SideTable(
    "quarantine",
    """
CREATE TABLE IF NOT EXISTS quarantine_item(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, received TEXT NOT NULL, client TEXT NOT NULL,
  organization TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL, field TEXT NOT NULL,
  remedy TEXT NOT NULL, state TEXT NOT NULL, times INTEGER NOT NULL, last_received TEXT NOT NULL, sha256 TEXT NOT NULL,
  content_type TEXT NOT NULL, parameters TEXT NOT NULL, caller TEXT NOT NULL, UNIQUE(client, kind, sha256));
CREATE INDEX IF NOT EXISTS quarantine_by_client ON quarantine_item(client, number);
CREATE TABLE IF NOT EXISTS quarantine_decision(
  item TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, client TEXT NOT NULL, actor TEXT, at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS quarantine_by_hash ON quarantine_item(sha256);
""",
)

LARGEST_PAGE = 1000
_SHOWN = "id, received, client, organization, kind, key, reason, field, remedy, state, times, last_received"
_ALL = _SHOWN + ", sha256, content_type, parameters, caller"
KEPT = metrics.describe("hub_quarantined_total", "Refusals kept in quarantine.")


@dataclass(frozen=True, slots=True)
class Item:
    """One refusal as it is listed. ``times`` counts how often the same bytes were refused."""

    id: str
    received: str
    client: str
    organization: str
    kind: str
    key: str
    reason: str
    field: str
    remedy: str
    state: str
    times: int
    last_received: str


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item with what a replay needs."""

    item: Item
    original: Original
    parameters: dict[str, str]
    caller: Caller


class SqlQuarantine:
    """``hub.contracts.quarantine.Quarantine``, and its list for the sender and for admins."""

    def __init__(self, store: ResourceStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    def keep(self, refusal: Refusal, caller: Caller) -> str:
        sha256 = self._blobs.put(refusal.original.content)
        kept: str = self._store.act(lambda view: _keep(view, refusal, caller, sha256), caller).result()
        metrics.count(KEPT, kind=refusal.kind.value)
        return kept

    def listed(self, caller: Caller, count: int) -> Sequence[Item]:
        """Newest first, at most ``count`` (and never more than 1000). An admin sees all, everyone else its own."""
        where, parameters = ("", ()) if caller.role is Role.ADMIN else (" WHERE client=?", (caller.client,))
        rows = self._store.side_rows(
            f"SELECT {_SHOWN} FROM quarantine_item{where} ORDER BY number DESC LIMIT ?",  # noqa: S608 (constants)
            (*parameters, max(0, min(count, LARGEST_PAGE))),
        )
        return [Item(*row) for row in rows]

    def in_state(self, state: str, caller: Caller, count: int) -> Sequence[Item]:
        """As ``listed``, but only items in this state."""
        where, parameters = ("", ()) if caller.role is Role.ADMIN else (" AND client=?", (caller.client,))
        rows = self._store.side_rows(
            f"SELECT {_SHOWN} FROM quarantine_item WHERE state=?{where} ORDER BY number DESC LIMIT ?",  # noqa: S608
            (state, *parameters, count),
        )
        return [Item(*row) for row in rows]

    def item(self, item_id: str, caller: Caller) -> Item:
        """Raises NotFound, for another sender's item too."""
        return Item(*self._row(item_id, caller)[:12])

    def original(self, item_id: str, caller: Caller) -> Original:
        """The exact bytes, for the sender alone; raises Forbidden for an admin, NotFound for everyone else."""
        row = self._row(item_id, caller)
        if row[2] != caller.client:
            raise Forbidden(
                "Only the sender may see the content of what was refused.", remedy="Ask the sender for the original."
            )
        return self._original(row)

    def kept(self, item_id: str, caller: Caller) -> KeptItem:
        """The item with its content, for a replay on behalf of its sender; whoever may list it may replay it."""
        row = self._row(item_id, caller)
        sender = json.loads(row[15])
        sender["role"] = Role(sender["role"])
        return KeptItem(Item(*row[:12]), self._original(row), json.loads(row[14]), Caller(**sender))

    def keeps(self, sha256: str) -> bool:
        """Whether these bytes are the content of an item."""
        return bool(self._store.side_rows("SELECT 1 FROM quarantine_item WHERE sha256=? LIMIT 1", (sha256,)))

    def mark_replayed(self, item_id: str, caller: Caller) -> None:
        """Blocks for one commit."""
        self.mark(item_id, "replayed", caller)

    def mark(self, item_id: str, state: str, caller: Caller, reason: str = "") -> None:
        """Blocks for one commit. Who, when and why stay on record."""

        def mark(view: CommitView) -> None:
            view.execute("UPDATE quarantine_item SET state=? WHERE id=?", (state, item_id))
            view.execute(
                "INSERT INTO quarantine_decision(item, state, reason, client, actor, at) VALUES(?,?,?,?,?,?)",
                (item_id, state, reason, caller.client, caller.actor, view.now.isoformat(timespec="milliseconds")),
            )

        self._store.act(mark, caller).result()

    def _row(self, item_id: str, caller: Caller) -> tuple[Any, ...]:
        rows = self._store.side_rows(f"SELECT {_ALL} FROM quarantine_item WHERE id=?", (item_id,))  # noqa: S608
        if not rows or (caller.role is not Role.ADMIN and rows[0][2] != caller.client):
            raise NotFound("There is no such item in quarantine.", remedy="List what there is with GET /quarantine.")
        return rows[0]

    def _original(self, row: tuple[Any, ...]) -> Original:
        with self._blobs.open(row[12]) as file:
            return Original(file.read(), row[13])


def _keep(view: CommitView, refusal: Refusal, caller: Caller, sha256: str) -> str:
    now = view.now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = (refusal.reason, refusal.field, refusal.remedy, refusal.state)
    same = (caller.client, refusal.kind.value, sha256)
    known = view.rows("SELECT id FROM quarantine_item WHERE client=? AND kind=? AND sha256=?", same)
    if known:
        # Why it is refused may have changed since (new tables, new records); what was sent has not.
        view.execute(
            "UPDATE quarantine_item SET times=times+1, last_received=?, reason=?, field=?, remedy=?,"
            " state=CASE state WHEN 'kept-first' THEN state ELSE ? END WHERE client=? AND kind=? AND sha256=?",
            (now, *told, *same),
        )
        return str(known[0][0])
    item_id = _new_id(view.now)
    sender = (caller.client, caller.organization, refusal.kind.value, refusal.key or sha256)
    original = (sha256, refusal.original.content_type, json.dumps(dict(refusal.parameters)), json.dumps(asdict(caller)))
    view.execute(
        "INSERT INTO quarantine_item(id, received, client, organization, kind, key, reason, field, remedy, state,"
        " times, last_received, sha256, content_type, parameters, caller) VALUES(?,?,?,?,?,?,?,?,?,?,1,?,?,?,?,?)",
        (item_id, now, *sender, *told, now, *original),
    )
    return item_id


def _new_id(now: datetime) -> str:
    """Sortable by time, not to be guessed."""
    milliseconds = int(now.timestamp() * 1000) or int(time.time() * 1000)
    return f"q{milliseconds:012x}{secrets.token_hex(6)}"


def refusal_key(content: bytes) -> str:
    """The key of a refusal that has no number of its own: the SHA-256 of its bytes."""
    return hashlib.sha256(content).hexdigest()
