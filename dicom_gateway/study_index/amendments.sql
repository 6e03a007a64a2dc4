-- What people have decided about studies after they arrived. Nothing that was received is changed by it: every row of
-- `correction`, `received_file` and `withdrawn` can be taken back.

-- Every act on a study, by whom and why; the hub is told of each once, as a Provenance.
CREATE TABLE IF NOT EXISTS act (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study (id),
    kind TEXT NOT NULL,                   -- correct, undo, reject, restore, delete, replace
    subject TEXT NOT NULL,                -- what of the study: "" all of it, else a UID; several between spaces
    reason TEXT NOT NULL,
    client TEXT NOT NULL,
    role TEXT NOT NULL,
    organization TEXT NOT NULL,
    actor TEXT,
    at_us INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS act_study ON act (study);
CREATE INDEX IF NOT EXISTS act_untold ON act (study) WHERE told = 0;

-- What is said of a study in place of what its objects say. The latest that stands is in force (study.correction).
CREATE TABLE IF NOT EXISTS correction (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study (id),
    act INTEGER NOT NULL REFERENCES act (id),
    corrected BLOB NOT NULL,              -- JSON: every value in force with it, those of earlier corrections too
    before BLOB NOT NULL,                 -- JSON: the columns of the study row as they were
    earlier INTEGER,                      -- the correction that was in force before
    split_from INTEGER,                   -- the study row that its objects were parted from
    moved BLOB,                           -- JSON: [[series row, instance row or null], …] as parted
    undone INTEGER                        -- act that took it back
);
CREATE INDEX IF NOT EXISTS correction_study ON correction (study);

CREATE INDEX IF NOT EXISTS study_corrected ON study (id) WHERE correction IS NOT NULL;

CREATE INDEX IF NOT EXISTS study_patient ON study (patient) WHERE patient IS NOT NULL;

-- Series that belong to another study than their objects say: later ones go there too.
CREATE TABLE IF NOT EXISTS diverted (
    owner INTEGER NOT NULL,
    series_uid TEXT NOT NULL,
    study INTEGER NOT NULL REFERENCES study (id),
    PRIMARY KEY (owner, series_uid)
) WITHOUT ROWID;

-- The file as it was received, of an instance whose row names a corrected copy of it.
CREATE TABLE IF NOT EXISTS received_file (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    sha256 BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    data_set_at INTEGER NOT NULL,
    transfer_syntax TEXT NOT NULL,
    characters TEXT NOT NULL
);

-- Files that another copy with the same pixels has taken the place of, by somebody's decision.
CREATE TABLE IF NOT EXISTS replaced_file (
    instance INTEGER NOT NULL,
    uid TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    transfer_syntax TEXT NOT NULL,
    act INTEGER NOT NULL REFERENCES act (id)
);
CREATE INDEX IF NOT EXISTS replaced_file_uid ON replaced_file (uid);

-- SOP instances that a rejection note names (IHE IOCM), whether they are here or not.
CREATE TABLE IF NOT EXISTS rejected (
    owner INTEGER NOT NULL,
    uid TEXT NOT NULL,
    title TEXT NOT NULL,                  -- code of the note's title (DCM)
    note_uid TEXT NOT NULL,
    PRIMARY KEY (owner, uid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rejected_note ON rejected (owner, note_uid);

-- Instances that are neither found nor given any more: the row of `instance`, laid aside.
CREATE TABLE IF NOT EXISTS withdrawn (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- its own; what refers to the instance refers to -id meanwhile
    owner INTEGER NOT NULL,
    uid TEXT NOT NULL,
    series INTEGER NOT NULL,
    study INTEGER NOT NULL,
    sop_class TEXT NOT NULL,
    number INTEGER,
    rows INTEGER,
    columns INTEGER,
    bits_allocated INTEGER,
    frames INTEGER,
    transfer_syntax TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    data_set_at INTEGER NOT NULL,         -- where the data set begins in the file
    sha256 BLOB NOT NULL,                 -- of the whole file
    spool TEXT,                           -- name of the spool file, until the blob store has adopted it
    client TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    announced INTEGER NOT NULL,           -- the sender tells the hub itself
    characters TEXT NOT NULL,             -- evidence of the character set decision
    described INTEGER NOT NULL DEFAULT 0, -- its row of description is there
    corrected INTEGER,
    UNIQUE (owner, uid)
);
CREATE INDEX IF NOT EXISTS withdrawn_study ON withdrawn (study);
CREATE INDEX IF NOT EXISTS withdrawn_uid ON withdrawn (uid);
CREATE INDEX IF NOT EXISTS withdrawn_spool ON withdrawn (id) WHERE spool IS NOT NULL;
