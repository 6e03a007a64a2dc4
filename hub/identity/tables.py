"""The side tables of this room.

``identity_link``: the one active link of each source Patient, with the evidence it rests on. ``identity_claim``: which
person holds a number under which name; unique, so that two commits can never make two persons of one.
``identity_event``: which records moved from which person to which, or left for good; only added to.
"""

from hub.contracts.store import SideTable

IDENTITY_TABLES = SideTable(
    "identity",
    """
    CREATE TABLE IF NOT EXISTS identity_link (
        patient_id TEXT PRIMARY KEY, person_id TEXT NOT NULL, rule TEXT NOT NULL, number TEXT, name_key TEXT,
        since_us INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_link_person ON identity_link (person_id);
    CREATE TABLE IF NOT EXISTS identity_claim (
        system TEXT NOT NULL, value TEXT NOT NULL, name_key TEXT NOT NULL, person_id TEXT NOT NULL,
        PRIMARY KEY (system, value, name_key)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_claim_person ON identity_claim (person_id);
    CREATE TABLE IF NOT EXISTS identity_event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, patient_id TEXT NOT NULL,
        version INTEGER NOT NULL, left_person TEXT, joined_person TEXT, rule TEXT NOT NULL);
    """,
)
