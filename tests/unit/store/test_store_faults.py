"""When the disk is full or broken: nothing false is acknowledged, reads go on, and only what may go on goes on."""

import sqlite3
from collections.abc import Callable
from hashlib import shake_256
from pathlib import Path

import pytest

from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Busy, Conflict, Fault
from hub.contracts.submission import Outcome
from hub.store.sqlite import SqliteResourceStore, faults, group

Put = Callable[..., Outcome]


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("disk")
    error.sqlite_errorcode = code  # type: ignore[misc]
    return error


@pytest.mark.parametrize(
    ("error", "category", "status"),
    [
        (sqlite_error(13), Busy, 507),
        (sqlite_error(4874), Busy, 507),
        (sqlite_error(5), Busy, 503),
        (sqlite_error(10), Fault, 500),
        (sqlite_error(1034), Fault, 500),
        (sqlite_error(11), Fault, 500),
        (sqlite3.IntegrityError("x"), Fault, 500),
        (KeyError("name of a person"), Fault, 500),
        (Conflict("x"), Conflict, 409),
    ],
)
def test_every_failure_has_its_category(error: Exception, category: type, status: int) -> None:
    told = faults.explained(error)
    assert isinstance(told, category)
    assert told.http_status == status
    assert "person" not in told.sentence()


def test_only_a_failed_disk_stops_the_writer_for_good() -> None:
    assert faults.is_damaging(sqlite_error(1034))
    assert faults.is_damaging(sqlite_error(11))
    assert not faults.is_damaging(sqlite_error(13))
    assert not faults.is_damaging(sqlite_error(4874))
    assert not faults.is_damaging(KeyError())


def test_a_full_disk_refuses_writes_and_recovers_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: SqliteResourceStore, put: Put
) -> None:
    opened: list[sqlite3.Connection] = []

    def small(path: Path) -> sqlite3.Connection:
        connection = real(path)
        connection.execute("PRAGMA max_page_count = 120")
        opened.append(connection)
        return connection

    real = group.open_writer
    monkeypatch.setattr(group, "open_writer", small)
    first = put({"resourceType": "Basic", "code": {"text": "first"}})
    kept = 1
    with pytest.raises(Busy) as full:
        for number in range(500):
            put({"resourceType": "Basic", "code": {"text": shake_256(b"%d" % number).hexdigest(3000)}})
            kept += 1
    assert full.value.http_status == 507
    assert full.value.retry_after_seconds > 0
    assert store.read("Basic", first.id, EVERYTHING).version == 1
    assert store.last_sequence() == kept
    opened[0].execute("PRAGMA max_page_count = 100000")
    assert put({"resourceType": "Basic", "code": {"text": "after"}}).status == 201
    assert list(store.verify()) == []


def test_after_a_failed_sync_nothing_more_is_acknowledged_until_a_restart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: SqliteResourceStore, put: Put
) -> None:
    put({"resourceType": "Basic", "code": {"text": "a"}})

    def failing(self: group.Committer, works: object) -> float:
        raise sqlite_error(1034)

    with monkeypatch.context() as broken:
        broken.setattr(group.Committer, "commit", failing)
        with pytest.raises(Fault):
            put({"resourceType": "Basic", "code": {"text": "b"}})
    with pytest.raises(Fault):
        put({"resourceType": "Basic", "code": {"text": "c"}})
    assert store.last_sequence() == 1
    store.close()
    again = SqliteResourceStore(tmp_path)
    assert again.last_sequence() == 1
    again.close()


def test_work_after_closing_opens_the_store_again(store: SqliteResourceStore, put: Put) -> None:
    put({"resourceType": "Basic", "code": {"text": "a"}})
    store.close()
    assert put({"resourceType": "Basic", "code": {"text": "b"}}).status == 201
    assert store.last_sequence() == 2


def test_a_file_of_another_schema_is_refused_with_the_remedy(tmp_path: Path) -> None:
    store = SqliteResourceStore(tmp_path)
    store.last_sequence()
    store.close()
    connection = sqlite3.connect(tmp_path / "hub.sqlite")
    with connection:
        connection.execute("UPDATE store_meta SET value = '99' WHERE name = 'schema'")
    connection.close()
    with pytest.raises(Fault) as refusal:
        SqliteResourceStore(tmp_path).last_sequence()
    assert "99" in refusal.value.what
    assert refusal.value.remedy
