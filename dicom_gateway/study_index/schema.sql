-- The index of studies, series and instances (PS3.3 A.1: the composite information model), one SQLite file.
-- Every row leads to its owner organization: a SOP instance is unique within one owner.
-- Times ending in _us are microseconds since 1970 UTC.

CREATE TABLE IF NOT EXISTS organization (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE IF NOT EXISTS study (
    id INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL REFERENCES organization (id),
    uid TEXT NOT NULL,
    study_date TEXT NOT NULL,
    study_time TEXT NOT NULL,
    timezone TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    study_id TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    issuer_of_patient_id TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    name_key TEXT NOT NULL,               -- normalised spellings between line feeds, see person_name.py
    referring_key TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    sex TEXT NOT NULL,
    description TEXT NOT NULL,
    modalities TEXT NOT NULL DEFAULT '\', -- \CT\SR\ : each between backslashes
    series_count INTEGER NOT NULL DEFAULT 0,
    instance_count INTEGER NOT NULL DEFAULT 0,
    json BLOB NOT NULL,                   -- attributes for QIDO-RS; control characters mark what changes
    client TEXT NOT NULL,                 -- who sent the latest instance, and with what role and address
    role TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,  -- instances the hub is to be told of by us
    told INTEGER NOT NULL DEFAULT 0,      -- the revision it has been told of
    due_us INTEGER NOT NULL DEFAULT 0,    -- when the study is quiet
    tries INTEGER NOT NULL DEFAULT 0,
    patient TEXT,                         -- id of the hub's Patient, once told
    UNIQUE (owner, uid)
);
CREATE INDEX IF NOT EXISTS study_uid ON study (uid);
CREATE INDEX IF NOT EXISTS study_date ON study (study_date DESC, uid);
CREATE INDEX IF NOT EXISTS study_owner_date ON study (owner, study_date DESC, uid);
CREATE INDEX IF NOT EXISTS study_patient_id ON study (patient_id);
CREATE INDEX IF NOT EXISTS study_accession ON study (accession_number) WHERE accession_number <> '';
CREATE INDEX IF NOT EXISTS study_due ON study (due_us) WHERE revision > told;

CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study (id),
    uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    number INTEGER,
    description TEXT NOT NULL,
    body_part TEXT NOT NULL,
    laterality TEXT NOT NULL,
    performed_date TEXT NOT NULL,
    instance_count INTEGER NOT NULL DEFAULT 0,
    json BLOB NOT NULL,
    UNIQUE (study, uid)
);
CREATE INDEX IF NOT EXISTS series_uid ON series (uid);

CREATE TABLE IF NOT EXISTS instance (
    id INTEGER PRIMARY KEY,
    owner INTEGER NOT NULL,
    uid TEXT NOT NULL,
    series INTEGER NOT NULL REFERENCES series (id),
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
    UNIQUE (owner, uid)
);
CREATE INDEX IF NOT EXISTS instance_series ON instance (series, number, id);
CREATE INDEX IF NOT EXISTS instance_study ON instance (study);
CREATE INDEX IF NOT EXISTS instance_uid ON instance (uid);
CREATE INDEX IF NOT EXISTS instance_undescribed ON instance (id) WHERE described = 0;
CREATE INDEX IF NOT EXISTS instance_spool ON instance (id, size_bytes) WHERE spool IS NOT NULL;

-- What may be finished after the acknowledgement; a reader that finds none makes it.
CREATE TABLE IF NOT EXISTS description (
    instance INTEGER PRIMARY KEY REFERENCES instance (id),
    json BLOB NOT NULL,                   -- DICOM JSON Model of the whole data set
    frames BLOB NOT NULL                  -- frame table, see frames.py
);

-- Modality Performed Procedure Steps, and whether the hub knows how far each has come.
CREATE TABLE IF NOT EXISTS performed_step (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,                  -- name of the organization
    uid TEXT NOT NULL,
    status TEXT NOT NULL,                 -- IN PROGRESS, COMPLETED, DISCONTINUED
    attributes BLOB NOT NULL,             -- DICOM JSON Model, N-CREATE with every N-SET laid over it
    client TEXT NOT NULL,
    role TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    told INTEGER NOT NULL DEFAULT 0,
    due_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, uid)
);
CREATE INDEX IF NOT EXISTS performed_step_due ON performed_step (due_us) WHERE revision > told;

-- Storage commitment requests that are to be reported on; the row goes with the report.
CREATE TABLE IF NOT EXISTS commitment (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    ae_title TEXT NOT NULL,               -- who asked, and is to be told
    transaction_uid TEXT NOT NULL,
    objects BLOB NOT NULL,                -- JSON: [[SOP class, SOP instance], …]
    asked_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, ae_title, transaction_uid)
);
CREATE INDEX IF NOT EXISTS commitment_due ON commitment (due_us);
