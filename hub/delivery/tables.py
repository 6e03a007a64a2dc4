"""The side table of this room: one row for each version of a report and each place it must reach.

The bytes to be sent are made once, with the row, and never again: every try is the same to the last byte, over restarts
and whatever becomes of the patient's record meanwhile, so that a receiver can tell a repetition by its key alone.
"""

from hub.contracts.store import SideTable

DELIVERY_TABLES = SideTable(
    "delivery",
    """
    CREATE TABLE IF NOT EXISTS delivery_item (
        number INTEGER PRIMARY KEY AUTOINCREMENT, report_id TEXT NOT NULL, version INTEGER NOT NULL,
        destination TEXT NOT NULL, organization TEXT NOT NULL, patient_id TEXT, chain TEXT NOT NULL, key TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead', 'superseded')),
        attempts INTEGER NOT NULL DEFAULT 0, unreached INTEGER NOT NULL DEFAULT 0, queued_us INTEGER NOT NULL,
        next_us INTEGER NOT NULL, delivered_us INTEGER, error TEXT NOT NULL DEFAULT '', payload BLOB,
        UNIQUE (report_id, version, destination));
    CREATE INDEX IF NOT EXISTS delivery_item_chain
        ON delivery_item (destination, chain, number) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS delivery_item_due
        ON delivery_item (state, next_us, destination) WHERE state IN ('waiting', 'dead');
    """,
)
