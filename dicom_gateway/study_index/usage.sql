-- How many bytes each organization keeps here: of the objects it holds as they are served, laid aside ones too; not of
-- what lives at an archive of its own. Kept by triggers, so that whoever writes rows counts, and a deletion frees.
CREATE TABLE IF NOT EXISTS usage (
    owner INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
);

CREATE TRIGGER IF NOT EXISTS usage_received AFTER INSERT ON instance BEGIN
    INSERT INTO usage VALUES (NEW.owner, NEW.size_bytes) ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER IF NOT EXISTS usage_changed AFTER UPDATE OF size_bytes ON instance
WHEN NOT EXISTS (SELECT 1 FROM distant_instance d WHERE d.instance = NEW.id) BEGIN
    UPDATE usage SET bytes = bytes + NEW.size_bytes - OLD.size_bytes WHERE owner = NEW.owner;
END;
CREATE TRIGGER IF NOT EXISTS usage_deleted AFTER DELETE ON instance
WHEN NOT EXISTS (SELECT 1 FROM distant_instance d WHERE d.instance = OLD.id) BEGIN
    UPDATE usage SET bytes = bytes - OLD.size_bytes WHERE owner = OLD.owner;
END;
CREATE TRIGGER IF NOT EXISTS usage_laid_aside AFTER INSERT ON withdrawn BEGIN
    INSERT INTO usage VALUES (NEW.owner, NEW.size_bytes) ON CONFLICT (owner) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER IF NOT EXISTS usage_no_more_aside AFTER DELETE ON withdrawn BEGIN
    UPDATE usage SET bytes = bytes - OLD.size_bytes WHERE owner = OLD.owner;
END;
CREATE TRIGGER IF NOT EXISTS usage_distant AFTER INSERT ON distant_instance BEGIN
    UPDATE usage SET bytes = bytes - (SELECT i.size_bytes FROM instance i WHERE i.id = NEW.instance)
    WHERE owner = (SELECT i.owner FROM instance i WHERE i.id = NEW.instance);
END;
CREATE TRIGGER IF NOT EXISTS usage_no_more_distant AFTER DELETE ON distant_instance BEGIN
    UPDATE usage SET bytes = bytes + (SELECT i.size_bytes FROM instance i WHERE i.id = OLD.instance)
    WHERE owner = (SELECT i.owner FROM instance i WHERE i.id = OLD.instance);
END;

-- The same, counted anew.
CREATE VIEW IF NOT EXISTS usage_counted AS
SELECT owner, sum(size_bytes) AS bytes FROM (
    SELECT owner, size_bytes FROM instance WHERE id NOT IN (SELECT instance FROM distant_instance)
    UNION ALL SELECT owner, size_bytes FROM withdrawn
) GROUP BY owner;
DELETE FROM usage;
INSERT INTO usage SELECT owner, bytes FROM usage_counted;
