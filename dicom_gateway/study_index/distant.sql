-- Studies that stay at their hospitals' archives. Their rows of study, series and instance are like those of objects
-- received, but for their bytes: an instance named in distant_instance has none of its own, and size_bytes 0, an empty
-- hash and perhaps no transfer syntax until it was fetched for the first time.

-- How each archive has answered of late, for all processes, and how far it was looked through.
CREATE TABLE IF NOT EXISTS distant_archive (
    name TEXT PRIMARY KEY,
    reached_us INTEGER,                   -- when it last answered as it should
    failed_us INTEGER,                    -- when it last did not
    failure TEXT NOT NULL DEFAULT '',
    failures INTEGER NOT NULL DEFAULT 0,  -- in a row
    closed_until_us INTEGER NOT NULL DEFAULT 0, -- it is not asked before then
    told TEXT NOT NULL DEFAULT '',        -- status of its Endpoint as the hub was told
    earliest_day TEXT NOT NULL DEFAULT '',-- looking back has come to this study date, YYYYMMDD
    latest_us INTEGER                     -- when the latest days were last looked through, whole
) WITHOUT ROWID;

-- Every study heard of, and when it is to be looked up at its archive.
CREATE TABLE IF NOT EXISTS distant_study (
    archive TEXT NOT NULL,
    uid TEXT NOT NULL,
    announced INTEGER NOT NULL,           -- the hub has its ImagingStudy from somebody else
    patient TEXT,                         -- whose subject is this Patient
    heard_us INTEGER NOT NULL,
    due_us INTEGER,                       -- NULL: nothing to look up
    tries INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0,      -- the archive holds it no more
    study INTEGER,                        -- its row of study, once looked up
    PRIMARY KEY (archive, uid)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS distant_study_due ON distant_study (archive, due_us) WHERE due_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS distant_study_row ON distant_study (study) WHERE study IS NOT NULL;

CREATE TABLE IF NOT EXISTS distant_instance (
    instance INTEGER PRIMARY KEY,
    archive TEXT NOT NULL
);
