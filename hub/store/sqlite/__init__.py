"""The embedded primary store: one SQLite file, written in groups, read on snapshots.

A submission goes ``preparing`` (no lock) → ``writer`` (queue, fair lock between processes) → ``deciding`` (what FHIR
says becomes of each entry) → ``batch`` (what a commit will change) → ``flushing`` (rows). A search goes ``criteria`` →
``planning`` → ``scans`` → ``searching``. ``schema`` says what the tables mean.
"""

from .follower_cursors import SqliteCursorStore
from .store import SqliteResourceStore

__all__ = ["SqliteCursorStore", "SqliteResourceStore"]
