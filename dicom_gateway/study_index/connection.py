"""Opening the index file. Connections belong to one thread of one process and are never made before a fork."""

import os
import sqlite3
import threading
from importlib.resources import files
from pathlib import Path

from ..person_name import glob_match, key_matches

SCHEMA_VERSION = 2
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
        schema = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
        connection.create_function("key_matches", 2, key_matches, deterministic=True)
        connection.create_function("glob_match", 2, glob_match, deterministic=True)
    return connection


class ThreadConnections:
    """One reading connection for each thread; a forked child starts without any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._process = os.getpid()

    def get(self) -> sqlite3.Connection:
        if self._process != os.getpid():
            self._process, self._local, self._all = os.getpid(), threading.local(), []
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_index(self._path, read_only=True)
            self._all.append(connection)
        return connection

    def close(self) -> None:
        if self._process == os.getpid():
            for connection in self._all:
                connection.close()
        self._all, self._local = [], threading.local()
