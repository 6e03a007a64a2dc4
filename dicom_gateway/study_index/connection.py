"""Opening the index file. Connections belong to one thread of one process and are never made before a fork."""

import os
import sqlite3
import threading
import weakref
from importlib.resources import files
from pathlib import Path

from ..person_name import glob_match, key_matches

SCHEMA_VERSION = 6
_ADDED_COLUMNS = (("study", "correction", "INTEGER"), ("instance", "corrected", "INTEGER"))
"""Columns that files of earlier versions lack: the correction in force, and the one that the file served bears."""
_TABLES = ("schema.sql", "amendments.sql", "distant.sql", "routing.sql", "names.sql", "usage.sql")
MOST_IDLE = 8
_BUSY_SECONDS = 30.0


def open_index(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode. Makes file and tables where they are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA mmap_size = 268435456")
    connection.execute("PRAGMA temp_store = MEMORY")
    if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION:
        _make_tables(connection)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        connection.create_function("key_matches", 2, key_matches, deterministic=True)
        connection.create_function("glob_match", 2, glob_match, deterministic=True)
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    schema, *rooms = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in _TABLES)
    connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nCOMMIT;")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, column, kind in _ADDED_COLUMNS:
            if all(row[1] != column for row in connection.execute(f"PRAGMA table_info({table})")):
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    told = "\n".join(rooms)
    connection.executescript(f"BEGIN IMMEDIATE;\n{told}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;")


class _Held:
    """A connection while a thread has it; goes back to the idle ones when the thread ends."""

    __slots__ = ("__weakref__", "connection", "idle")

    def __init__(self, connection: sqlite3.Connection, idle: list[sqlite3.Connection]) -> None:
        self.connection = connection
        self.idle = idle

    def __del__(self) -> None:
        if len(self.idle) < MOST_IDLE:
            self.idle.append(self.connection)
        else:
            self.connection.close()


class ThreadConnections:
    """One reading connection for each thread, handed on when the thread ends: every association has a thread of its
    own. A forked child starts without any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reset()

    def _reset(self) -> None:
        self._process = os.getpid()
        self._local = threading.local()
        self._idle: list[sqlite3.Connection] = []
        self._held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._lock = threading.Lock()

    def get(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._reset()
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = open_index(self._path, read_only=True)
            held = self._local.held = _Held(connection, self._idle)
            with self._lock:
                self._held.add(held)
        return held.connection

    def close(self) -> None:
        if self._process != os.getpid():
            self._reset()
            return
        with self._lock:
            held, idle = list(self._held), self._idle
        self._reset()
        for one in held:
            one.idle = _NOWHERE
            one.connection.close()
        for connection in idle:
            connection.close()


class _Nowhere(list[sqlite3.Connection]):
    """Takes in what is closed already."""

    def append(self, _connection: sqlite3.Connection) -> None:
        """Nothing is kept."""


_NOWHERE = _Nowhere()
