"""Refusals at the doors are counted, cheaply, and say nothing of patients or tokens."""

from hub.security.events import LONGEST_DETAIL, MOST_KINDS, OTHERS, SecurityEvents
from hub.store.sqlite import SqliteResourceStore


def test_equal_events_become_one_row_with_a_number(store: SqliteResourceStore) -> None:
    events = SecurityEvents(store, delay_seconds=60)
    for _ in range(1000):
        events.note("bad-token", "10.0.0.1")
    events.note("unknown-facility", "QS\r\n001")
    events.flush()
    assert [row[1:] for row in events.latest(10)] == [
        ("unknown-facility", "QS001", 1), ("bad-token", "10.0.0.1", 1000),
    ]  # fmt: skip


def test_a_flood_of_different_names_stays_small(store: SqliteResourceStore) -> None:
    events = SecurityEvents(store, delay_seconds=60)
    for number in range(5 * MOST_KINDS):
        events.note("unknown-ae-title", f"AE{number}" + "x" * 500)
    events.flush()
    rows = events.latest(1000)
    assert len(rows) <= MOST_KINDS + 1
    assert sum(row[3] for row in rows) == 5 * MOST_KINDS
    assert rows[0][2] == OTHERS
    assert all(len(row[2]) <= LONGEST_DETAIL for row in rows)


def test_what_comes_after_a_flush_is_counted_anew(store: SqliteResourceStore) -> None:
    events = SecurityEvents(store, delay_seconds=60)
    for _ in range(2):
        events.note("bad-token", "10.0.0.1")
        events.flush()
    assert [row[3] for row in events.latest(10)] == [1, 1]
    events.close()
