-- Objects on their way to where a rule sends them. Each stands here until its destination has taken it (and, where the
-- rule asks for that, has committed to keep it).
CREATE TABLE IF NOT EXISTS route_item (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,            -- AE title or DICOMweb root
    instance INTEGER NOT NULL,
    route TEXT NOT NULL,                  -- name of the rule
    priority INTEGER NOT NULL,            -- lower goes first
    state TEXT NOT NULL DEFAULT 'waiting',-- waiting, sent (commitment is asked for), failed never
    transaction_uid TEXT NOT NULL DEFAULT '',
    queued_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (destination, instance)
);
CREATE INDEX IF NOT EXISTS route_item_due ON route_item (destination, priority, due_us);

-- How far each follower of the instances has come, and what each destination has taken.
CREATE TABLE IF NOT EXISTS follower (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS route_destination (
    destination TEXT PRIMARY KEY,
    sent INTEGER NOT NULL DEFAULT 0,
    sent_us INTEGER,
    failed_us INTEGER,
    error TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
