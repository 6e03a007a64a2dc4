"""The side tables of this room: what must be asked inside a commit and no search parameter of R4 answers.

``reading_task``: the one Task of each study. ``reading_order``: which study was made for which order.
``reading_cite``: which reports, of which status, speak of a study or (where they name no study) of an order.
``reading_document``: which DocumentReference names which study in its context.
``reading_seen``: which images a final report could see (eight bytes of each UID's hash). ``reading_late``: the open
Task for images that came after it.
"""

from hub.contracts.store import SideTable

READING_TABLES = SideTable(
    "reading",
    """
    CREATE TABLE IF NOT EXISTS reading_task (
        task_id TEXT PRIMARY KEY, study_id TEXT NOT NULL UNIQUE, patient_id TEXT, owner TEXT NOT NULL,
        status TEXT NOT NULL, holder TEXT) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reading_order (
        order_reference TEXT NOT NULL, study_id TEXT NOT NULL,
        PRIMARY KEY (order_reference, study_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS reading_order_study ON reading_order (study_id);
    CREATE TABLE IF NOT EXISTS reading_cite (
        target TEXT NOT NULL, report_id TEXT NOT NULL, status TEXT NOT NULL, owner TEXT NOT NULL,
        PRIMARY KEY (target, report_id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS reading_cite_report ON reading_cite (report_id);
    CREATE TABLE IF NOT EXISTS reading_document (
        study_id TEXT NOT NULL, document_id TEXT NOT NULL, PRIMARY KEY (study_id, document_id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reading_seen (study_id TEXT PRIMARY KEY, instances BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS reading_late (
        study_id TEXT PRIMARY KEY, task_id TEXT NOT NULL, images INTEGER NOT NULL) WITHOUT ROWID;
    """,
)
