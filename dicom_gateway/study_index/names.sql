-- Spellings of patients' names one by one, so that a name or its beginning is a range of an index and no walk over all
-- studies. Kept true by triggers, whoever writes a study. A backslash, which ends a value, stands in no name.

CREATE TABLE IF NOT EXISTS study_name (
    spelling TEXT NOT NULL,
    study INTEGER NOT NULL,
    PRIMARY KEY (spelling, study)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS study_name_study ON study_name (study);

CREATE TRIGGER IF NOT EXISTS study_name_comes AFTER INSERT ON study BEGIN
    INSERT OR IGNORE INTO study_name SELECT value, new.id FROM json_each(
        '[' || replace(json_quote(replace(trim(new.name_key, char(10)), '\', ' ')), '\n', '","') || ']'
    ) WHERE value <> '';
END;

CREATE TRIGGER IF NOT EXISTS study_name_changes AFTER UPDATE OF name_key ON study WHEN new.name_key <> old.name_key BEGIN
    DELETE FROM study_name WHERE study = old.id;
    INSERT OR IGNORE INTO study_name SELECT value, new.id FROM json_each(
        '[' || replace(json_quote(replace(trim(new.name_key, char(10)), '\', ' ')), '\n', '","') || ']'
    ) WHERE value <> '';
END;

CREATE TRIGGER IF NOT EXISTS study_name_goes AFTER DELETE ON study BEGIN
    DELETE FROM study_name WHERE study = old.id;
END;

INSERT OR IGNORE INTO study_name SELECT one.value, study.id FROM study, json_each(
    '[' || replace(json_quote(replace(trim(study.name_key, char(10)), '\', ' ')), '\n', '","') || ']'
) one WHERE one.value <> '';
