"""Small parts: ids, the turnstile, hashes, follower cursors."""

import multiprocessing
import re
import threading
import time
from pathlib import Path

from hub.store.sqlite import SqliteCursorStore, SqliteResourceStore
from hub.store.sqlite.facts import DAY_MS, span_of, system_hash, text_hash
from hub.store.sqlite.identifiers import new_id, new_ids
from hub.store.sqlite.names import key_of
from hub.store.sqlite.turnstile import Turnstile

FORK = multiprocessing.get_context("fork")


def test_new_ids_are_version_7_uuids_that_rise() -> None:
    made = [*new_ids(10_000), new_id()]
    assert len(set(made)) == len(made)
    assert made == sorted(made)
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
    assert all(shape.match(one) for one in made)
    assert abs(int(made[0][:8] + made[0][9:13], 16) / 1000 - time.time()) < 60


def test_busy_writers_take_turns(tmp_path: Path) -> None:
    turns: multiprocessing.Queue[int] = FORK.Queue()
    start = FORK.Barrier(2)

    def run(number: int) -> None:
        turnstile = Turnstile(tmp_path / "hub.sqlite")
        start.wait(30)
        for _ in range(30):
            with turnstile.turn():
                turns.put(number)
                time.sleep(0.003)
        turnstile.close()

    children = [FORK.Process(target=run, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    order = [turns.get(timeout=30) for _ in range(60)]
    for child in children:
        child.join(30)
    both = order[: 60 - 1 - order[::-1].index(1 - order[-1])]  # while both were at it
    longest = max(len(run) for run in re.findall(r"0+|1+", "".join(map(str, both))) or ["0"])
    assert longest <= 5


def test_hashes_are_stable_for_ever() -> None:
    assert text_hash("718-7") == 8339395239801875143
    assert system_hash("http://loinc.org") == 559729455
    assert system_hash(None) == system_hash("") == 0
    assert 0 < system_hash("http://loinc.org") < 2**31
    assert -(2**63) <= text_hash("x") < 2**63


def test_spans_tell_short_long_and_open_ranges_apart() -> None:
    assert [span_of(0, length) for length in (0, DAY_MS, DAY_MS + 1, 366 * DAY_MS, 367 * DAY_MS)] == [0, 0, 1, 1, 2]


def test_references_are_read_as_keys() -> None:
    assert key_of("Patient/1")[1] == "1"
    for foreign in ("https://x.example/Patient/1", "urn:uuid:1", "Patient/", "Nothing/1", "Patient/1/2"):
        assert key_of(foreign) == (0, foreign)


def test_a_follower_finds_its_place_again(store: SqliteResourceStore) -> None:
    cursors = SqliteCursorStore(store)
    assert cursors.load("delivery") == 0
    cursors.save("delivery", 41)
    cursors.save("index", 7)
    cursors.save("delivery", 42)
    assert (cursors.load("delivery"), cursors.load("index")) == (42, 7)


def test_a_reading_connection_ends_with_its_thread(store: SqliteResourceStore, tmp_path: Path) -> None:
    def open_files() -> int:
        return sum(
            1 for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink() and "hub.sqlite" in str(fd.readlink())
        )

    store.last_sequence()
    before = open_files()
    for _ in range(20):
        thread = threading.Thread(target=store.last_sequence)
        thread.start()
        thread.join()
    assert open_files() <= before + 4
