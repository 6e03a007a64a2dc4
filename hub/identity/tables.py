"""The side tables of this room.

``identity_link``: each live source Patient once, with the one person it is linked to, why, and the evidence it was
judged by. ``identity_key``: what it can be found by. ``identity_claim``: which person holds a checked number; unique,
so that no two hold one. ``identity_assertion``: what people said of two Patients; ``origin`` tells by which act, so
that each act can be taken back alone. ``identity_retired``: numbers that an official change has replaced.
``identity_weights``: a site's own tables of weights. ``identity_review``: pairs for a person to decide.
``identity_merge``: merges, and when they were undone. ``identity_event``: who came from where to where, and every act
of a person; only added to.
"""

from hub.contracts.store import SideTable

IDENTITY_TABLES = SideTable(
    "identity",
    """
    CREATE TABLE IF NOT EXISTS identity_link (
        n INTEGER PRIMARY KEY, patient_id TEXT NOT NULL UNIQUE, person_id TEXT NOT NULL,
        own TEXT NOT NULL, state TEXT NOT NULL, rule TEXT NOT NULL, bits REAL, because TEXT, model TEXT NOT NULL,
        actor TEXT, since_us INTEGER NOT NULL, evidence BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS identity_link_person ON identity_link (person_id);
    CREATE TABLE IF NOT EXISTS identity_key (
        key INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (key, n)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS identity_claim (
        system TEXT NOT NULL, value TEXT NOT NULL, person_id TEXT NOT NULL,
        PRIMARY KEY (system, value)) WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS identity_claim_person ON identity_claim (person_id, system);
    CREATE TABLE IF NOT EXISTS identity_assertion (
        one TEXT NOT NULL, other TEXT NOT NULL, origin TEXT NOT NULL, same INTEGER NOT NULL, reason TEXT NOT NULL,
        client TEXT NOT NULL, actor TEXT, at_us INTEGER NOT NULL, PRIMARY KEY (one, other, origin)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_assertion_other ON identity_assertion (other);
    CREATE TABLE IF NOT EXISTS identity_retired (
        system TEXT NOT NULL, value TEXT NOT NULL, successor TEXT NOT NULL, reason TEXT NOT NULL,
        client TEXT NOT NULL, actor TEXT, at_us INTEGER NOT NULL, PRIMARY KEY (system, value)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS identity_review (
        id TEXT PRIMARY KEY, one TEXT NOT NULL, other TEXT NOT NULL, rule TEXT NOT NULL, bits REAL NOT NULL,
        because TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, opened_us INTEGER NOT NULL,
        changed_us INTEGER NOT NULL, client TEXT, actor TEXT, reason TEXT) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_review_one ON identity_review (one);
    CREATE INDEX IF NOT EXISTS identity_review_other ON identity_review (other);
    CREATE INDEX IF NOT EXISTS identity_review_open ON identity_review (state, opened_us);
    CREATE TABLE IF NOT EXISTS identity_merge (
        id TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, reason TEXT NOT NULL, client TEXT NOT NULL,
        actor TEXT, at_us INTEGER NOT NULL, undone_us INTEGER, undone_reason TEXT) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS identity_merge_source ON identity_merge (source);
    CREATE TABLE IF NOT EXISTS identity_weights (
        version TEXT PRIMARY KEY, content TEXT NOT NULL, in_force INTEGER NOT NULL, at_us INTEGER NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS identity_event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, kind TEXT NOT NULL, patient_id TEXT,
        left_person TEXT, joined_person TEXT, rule TEXT, client TEXT, actor TEXT, detail TEXT);
    CREATE INDEX IF NOT EXISTS identity_event_left ON identity_event (left_person) WHERE left_person IS NOT NULL;
    CREATE INDEX IF NOT EXISTS identity_event_left ON identity_event (left_person) WHERE left_person IS NOT NULL;
    """,
)
