"""The tables, and what stands in them.

Numbers instead of names: a resource is its ``rid`` (given once for each type and id, for ever, also to a target of a
reference that has not arrived), a type its number in ``TYPE_NUMBERS``, an organization or client its ``party.n``.

Index tables are WITHOUT ROWID and hold live resources alone. Their ``owner`` is the organization's number, or, for each
grantee a resource is shared with, a copy of its rows under the grantee's number made negative: so a clinic's search
scans ``n`` and ``-n`` and nothing else, and a county-wide one scans the positive numbers and meets no resource twice.
``p`` is the id of the search parameter; ``-type`` under ``dat`` is ``_lastUpdated``, one row for each resource.
Times are milliseconds since 1970 UTC. ``sd`` is the start of the type's primary date, ``NO_DATE`` where it has none.
"""

import sqlite3
from collections.abc import Iterable

from hub.contracts.errors import Fault
from hub.contracts.store import SideTable
from hub.fhir.model import RESOURCE_TYPES

SCHEMA_VERSION = 1

NO_DATE = -(2**47)
"""Also the lower end of time, as the smallest number that SQLite keeps in six bytes."""
END_OF_TIME = 2**47 - 1

TYPE_NAMES: tuple[str, ...] = ("", *sorted(RESOURCE_TYPES))
"""Resource types by number. The types of R4 never change, so neither do the numbers; 0 is no type (an absolute URL)."""
TYPE_NUMBERS: dict[str, int] = {name: number for number, name in enumerate(TYPE_NAMES) if name}

METHODS = ("POST", "PUT", "DELETE")
"""By the number that stands in ``method``."""
DELETED = 2

ORGANIZATION = 0
CLIENT = 1
"""``party.kind``."""

TABLES = """
CREATE TABLE IF NOT EXISTS store_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS party (n INTEGER PRIMARY KEY, kind INT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name));

-- The current version of each resource. keys and links are what it can be found by (see facts), sum the hash of its
-- unpacked body, body everything after meta.lastUpdated (see bodies).
CREATE TABLE IF NOT EXISTS res (rid INTEGER PRIMARY KEY, type INT NOT NULL, id TEXT NOT NULL, ver INT NOT NULL,
  ts INT NOT NULL, method INT NOT NULL, owner INT NOT NULL, sender INT NOT NULL, pat INT NOT NULL, sd INT NOT NULL,
  keys BLOB, links BLOB, sum BLOB, body BLOB);
CREATE UNIQUE INDEX IF NOT EXISTS res_id ON res (type, id);
-- Versions that were replaced. A create pays nothing for its history.
CREATE TABLE IF NOT EXISTS hist (n INTEGER PRIMARY KEY, rid INT NOT NULL, ver INT NOT NULL, ts INT NOT NULL,
  method INT NOT NULL, sender INT NOT NULL, sum BLOB, body BLOB);
CREATE UNIQUE INDEX IF NOT EXISTS hist_version ON hist (rid, ver);
-- Targets of references that are not here: their rid is theirs when they come.
CREATE TABLE IF NOT EXISTS awaited (rid INTEGER PRIMARY KEY, type INT NOT NULL, id TEXT NOT NULL, UNIQUE (type, id));
-- The change log: every version, in commit order, without ties.
CREATE TABLE IF NOT EXISTS chg (seq INTEGER PRIMARY KEY, rid INT NOT NULL, ver INT NOT NULL, method INT NOT NULL,
  sender INT NOT NULL, ts INT NOT NULL);

CREATE TABLE IF NOT EXISTS tok (p INT, h INT, sys INT, owner INT, pat INT, sd INT, rid INT,
  PRIMARY KEY (p, h, sys, owner, pat, sd, rid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ref (p INT, tgt INT, owner INT, sd INT, rid INT,
  PRIMARY KEY (p, tgt, owner, sd, rid)) WITHOUT ROWID;
-- span keeps short, long and open ranges apart, so that "ends after" is a range of beginnings too.
CREATE TABLE IF NOT EXISTS dat (p INT, span INT, owner INT, lo INT, hi INT, rid INT,
  PRIMARY KEY (p, span, owner, lo, hi, rid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS str (p INT, owner INT, v TEXT, rid INT, PRIMARY KEY (p, owner, v, rid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS qty (p INT, owner INT, v REAL, rid INT, PRIMARY KEY (p, owner, v, rid)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS patient_owner (pat INT, owner INT, PRIMARY KEY (pat, owner)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS share (rid INT, party INT, PRIMARY KEY (rid, party)) WITHOUT ROWID;
-- What was shared without a new version, in commit order: an index that follows the change log misses it there.
CREATE TABLE IF NOT EXISTS share_log (n INTEGER PRIMARY KEY AUTOINCREMENT, rid INT NOT NULL);
-- Who may hold an identifier that a conditional create asked for: unique by the database, not by a search before.
CREATE TABLE IF NOT EXISTS claim (owner INT, p INT, h INT, sys INT, rid INT NOT NULL,
  PRIMARY KEY (owner, p, h, sys)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS submission_key (n INTEGER PRIMARY KEY, client INT NOT NULL, channel TEXT NOT NULL,
  key TEXT NOT NULL, hash BLOB NOT NULL, receipt BLOB NOT NULL, UNIQUE (client, channel, key));
CREATE TABLE IF NOT EXISTS follower_cursor (follower TEXT PRIMARY KEY, seq INT NOT NULL) WITHOUT ROWID;
"""

COLUMNS = {"tok": 7, "ref": 5, "dat": 6, "str": 4, "qty": 4, "chg": 6, "res": 14, "hist": 8, "awaited": 3}


def create(connection: sqlite3.Connection, side_tables: Iterable[SideTable]) -> None:
    """Make what is not there yet. Raises Fault for a file of another schema version."""
    connection.executescript("BEGIN IMMEDIATE;" + TABLES + "COMMIT;")
    connection.execute("INSERT OR IGNORE INTO store_meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
    ((found,),) = connection.execute("SELECT value FROM store_meta WHERE name = 'schema'")
    if found != str(SCHEMA_VERSION):
        raise Fault(
            f"The store has schema version {found}; this release reads {SCHEMA_VERSION}.",
            remedy="Start the release that wrote it, or restore a backup that this release made.",
        )
    for table in side_tables:
        connection.executescript("BEGIN IMMEDIATE;" + table.ddl + ";COMMIT;")
