"""The side tables of this room: what was judged and shown, and what came back.

``cds_verdict`` follows the answer (a signing never waits for it); ``cds_feedback`` is written before its own answer.
``cds_order`` names the orders that became active after a card for the same examination of the same person
(``following``): a card with no feedback is ignored where an order of its own organization followed within a day.
``cds_asked`` is what figures are counted from: a small row for each verdict, read by time. ``cds_price`` is what an
examination costs there (empty organization: everywhere), in 1/100 yuan. ``cds_log`` numbers the rows of ``cds_asked``
in the order of their commits, for who follows them.
"""

from hub.contracts.search import Tally
from hub.contracts.store import SideTable

from . import muting

CDS_TABLES = SideTable(
    "cds",
    muting.TABLE  # noqa: S608 - constants
    + """
    CREATE TABLE IF NOT EXISTS cds_verdict (
        id TEXT PRIMARY KEY, at_us INTEGER NOT NULL, service TEXT NOT NULL, hook_instance TEXT NOT NULL,
        client TEXT NOT NULL, organization TEXT NOT NULL, actor TEXT, patient TEXT, draft TEXT NOT NULL,
        verdict TEXT NOT NULL, indicator TEXT, card TEXT, tables TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS cds_verdict_card ON cds_verdict (card) WHERE card IS NOT NULL;
    CREATE INDEX IF NOT EXISTS cds_verdict_at ON cds_verdict (at_us);
    CREATE INDEX IF NOT EXISTS cds_verdict_patient ON cds_verdict (patient, at_us) WHERE card IS NOT NULL;
    CREATE TABLE IF NOT EXISTS cds_feedback (
        card TEXT PRIMARY KEY, at_us INTEGER NOT NULL, service TEXT NOT NULL, client TEXT NOT NULL,
        organization TEXT NOT NULL, outcome TEXT NOT NULL, reason_system TEXT, reason_code TEXT, comment TEXT,
        accepted TEXT, stated_at TEXT, first_at_us INTEGER NOT NULL, times INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cds_order (
        card TEXT NOT NULL, order_ref TEXT NOT NULL, at_us INTEGER NOT NULL, organization TEXT NOT NULL,
        PRIMARY KEY (card, order_ref)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cds_asked (
        at_us INTEGER NOT NULL, id TEXT NOT NULL, call TEXT NOT NULL, organization TEXT NOT NULL,
        department TEXT NOT NULL, patient TEXT NOT NULL, item TEXT NOT NULL, named TEXT NOT NULL, verdict TEXT NOT NULL,
        coverage TEXT NOT NULL, indicator TEXT, card TEXT, reason TEXT NOT NULL,
        PRIMARY KEY (at_us, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cds_price (
        organization TEXT NOT NULL, item TEXT NOT NULL, fen INTEGER NOT NULL,
        PRIMARY KEY (organization, item)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS cds_log (
        n INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, organization TEXT NOT NULL,
        shown INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS cds_log_at ON cds_log (at_us);
    CREATE TRIGGER IF NOT EXISTS cds_asked_log AFTER INSERT ON cds_asked BEGIN
        INSERT INTO cds_log (at_us, organization, shown) VALUES (new.at_us, new.organization, new.card IS NOT NULL);
    END;
    INSERT INTO cds_log (at_us, organization, shown)
        SELECT at_us, organization, card IS NOT NULL FROM cds_asked WHERE NOT EXISTS (SELECT 1 FROM cds_log);
    """,
)
LOOK_UPS = Tally("look-up", "SELECT n AS seq, at_us, organization FROM cds_log")
"""Orders that were checked."""
REMINDERS = Tally("reminder", "SELECT n AS seq, at_us, organization FROM cds_log WHERE shown")
"""Cards that were shown."""
