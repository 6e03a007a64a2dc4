"""The side tables of this room.

``worklist_order``: every order that was active once; ``step`` is how far its examination has come. ``worklist_place``:
the organizations that an active order concerns, so that a worklist is one range scan.
"""

from hub.contracts.store import SideTable

ROOM = "worklist"
WORKLIST_TABLES = SideTable(
    ROOM,
    """
    CREATE TABLE IF NOT EXISTS worklist_order (
        order_id TEXT PRIMARY KEY, owner TEXT NOT NULL, performers TEXT NOT NULL, kind TEXT NOT NULL,
        accession TEXT NOT NULL, step TEXT NOT NULL, active INTEGER NOT NULL, changed_us INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS worklist_accession ON worklist_order (accession);
    CREATE INDEX IF NOT EXISTS worklist_owner ON worklist_order (owner, changed_us);
    CREATE TABLE IF NOT EXISTS worklist_place (
        organization TEXT NOT NULL, kind TEXT NOT NULL, order_id TEXT NOT NULL,
        PRIMARY KEY (organization, kind, order_id)
    ) WITHOUT ROWID;
    """,
)
