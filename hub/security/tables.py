"""The side tables of this room and of the audit trail. Tokens, codes and sessions lie here only as SHA-256; the key
that seals links lies here whole, as the records do that it opens."""

from hub.contracts.search import Tally
from hub.contracts.store import SideTable

SECURITY_TABLES = SideTable(
    "security",
    """
    CREATE TABLE IF NOT EXISTS security_generation (
        one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS security_client (
        name TEXT PRIMARY KEY, token_hash BLOB NOT NULL UNIQUE, role TEXT NOT NULL, organization TEXT NOT NULL,
        person TEXT, from_cidrs TEXT NOT NULL, added_us INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_facility (
        facility TEXT PRIMARY KEY, client TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_ae_title (
        ae_title TEXT PRIMARY KEY, client TEXT NOT NULL, host TEXT, port INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_destination (
        client TEXT PRIMARY KEY, organization TEXT NOT NULL, url TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_archive (
        name TEXT PRIMARY KEY, organization TEXT NOT NULL, ae_title TEXT UNIQUE, settings TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_session (
        secret_hash BLOB PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('code', 'session')), client TEXT NOT NULL,
        expires_us INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_signed (
        client TEXT PRIMARY KEY, issuer TEXT NOT NULL UNIQUE, keys BLOB NOT NULL, jku TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_jti (
        issuer TEXT NOT NULL, jti TEXT NOT NULL, expires_us INTEGER NOT NULL, PRIMARY KEY (issuer, jti)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS security_jti_end ON security_jti (expires_us);
    CREATE TABLE IF NOT EXISTS security_key (name TEXT PRIMARY KEY, secret BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS security_event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
        n INTEGER NOT NULL);
    """,
)

AUDIT_TABLES = SideTable(
    "audit",
    """
    CREATE TABLE IF NOT EXISTS audit_event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, client TEXT NOT NULL, role TEXT NOT NULL,
        organization TEXT NOT NULL, actor TEXT, purpose TEXT, action TEXT NOT NULL, interaction TEXT NOT NULL,
        type TEXT NOT NULL, patient_id TEXT, n INTEGER NOT NULL, outcome INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS audit_event_at ON audit_event (at_us);
    CREATE INDEX IF NOT EXISTS audit_event_patient ON audit_event (patient_id) WHERE patient_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS audit_event_client ON audit_event (client);
    """,
)
READS = Tally("read", "SELECT seq, at_us, organization FROM audit_event WHERE action = 'R' AND outcome = 0")
"""Patients that somebody was shown something of, once for each time."""
