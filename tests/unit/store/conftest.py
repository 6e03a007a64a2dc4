"""A store in a fresh folder, and the shortest ways to fill it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.submission import Channel, Entry, Method, Origin, Outcome, Submission
from hub.store.sqlite import SqliteResourceStore

CLINIC = Caller("his", Role.CLINIC, "qingshan")
Put = Callable[..., Outcome]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteResourceStore]:
    store = SqliteResourceStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def put(store: SqliteResourceStore) -> Put:
    """``put(resource, id=…)``: create, or update where there is an id."""

    def put(resource: dict[str, Any], condition: str | None = None) -> Outcome:
        method = Method.UPDATE if "id" in resource else Method.CREATE
        entry = Entry(
            method, resource["resourceType"], msgspec.json.encode(resource), resource.get("id"), condition=condition
        )
        submission = Submission((entry,), Origin(CLINIC, Channel.FHIR, datetime.now(UTC)))
        return store.submit(store.prepare(submission)).result(60).outcomes[0]

    return put
