"""The side tables of this room: which index there is, how far it is, and what it would not take."""

from hub.contracts.store import SideTable

SEARCH_TABLES = SideTable(
    "search",
    """
    -- state: filling, live, old (kept for pages that are still being read), gone.
    CREATE TABLE IF NOT EXISTS search_generation (
        n INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, mapping INTEGER NOT NULL, changes INTEGER NOT NULL,
        shares INTEGER NOT NULL, scanned INTEGER NOT NULL, ceiling INTEGER NOT NULL, documents INTEGER NOT NULL,
        started_ms INTEGER NOT NULL, reached_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS search_refused (
        rid INTEGER PRIMARY KEY, reference TEXT NOT NULL, reason TEXT NOT NULL, at_ms INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS search_tally (
        n INTEGER NOT NULL, kind TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (n, kind)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS search_word (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    """,
)
