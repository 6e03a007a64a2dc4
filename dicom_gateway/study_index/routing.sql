-- Objects on their way to where a rule sends them. Each stands here until its destination has taken it and, where the
-- rule asks for that, has committed to keep it.
CREATE TABLE IF NOT EXISTS route_item (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,            -- AE title, or DICOMweb root
    instance INTEGER NOT NULL,
    uid TEXT NOT NULL,                    -- of the instance: ids may be given anew
    route TEXT NOT NULL,                  -- name of the rule
    priority INTEGER NOT NULL,            -- lower goes first
    commitment INTEGER NOT NULL,          -- the destination is to commit to keep it
    transaction_uid TEXT NOT NULL DEFAULT '', -- asked for under this; taken, not yet committed
    queued_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    UNIQUE (destination, instance, uid)
);
CREATE INDEX IF NOT EXISTS route_item_next ON route_item (destination, priority, id);
CREATE INDEX IF NOT EXISTS route_item_transaction ON route_item (transaction_uid) WHERE transaction_uid <> '';

CREATE TABLE IF NOT EXISTS route_destination (
    destination TEXT PRIMARY KEY,
    sent INTEGER NOT NULL DEFAULT 0,
    sent_us INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,  -- in a row: it could not be reached, or broke off
    failed_us INTEGER,
    error TEXT NOT NULL DEFAULT '',
    due_us INTEGER NOT NULL DEFAULT 0     -- nothing is sent to it before then
) WITHOUT ROWID;

-- How far each follower of the instances has come.
CREATE TABLE IF NOT EXISTS follower (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL             -- id of the last instance it has seen
) WITHOUT ROWID;
