"""A real store in a temporary folder, with this room's tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.security.audit import AuditReaction
from hub.security.clients import Clients
from hub.security.tables import SECURITY_TABLES
from hub.store.sqlite import SqliteResourceStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteResourceStore]:
    opened = SqliteResourceStore(tmp_path, reactions=[AuditReaction()], side_tables=[SECURITY_TABLES])
    yield opened
    opened.close()


@pytest.fixture
def clients(store: SqliteResourceStore) -> Clients:
    return Clients(store)
