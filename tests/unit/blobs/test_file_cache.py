"""The bounded read-through cache: one flight a key, nothing torn, nothing beyond the limit."""

import errno
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from hub.blobs.cache import FileCache
from hub.contracts.errors import Busy, Fault, NotFound

FORK = multiprocessing.get_context("fork")


def read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def writes(content: bytes, asked: list[str] | None = None) -> Callable[[Path], None]:
    def fetch(path: Path) -> None:
        if asked is not None:
            asked.append(path.name)
        path.write_bytes(content)

    return fetch


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    return FileCache(tmp_path / "cache", limit_bytes=10_000)


def test_what_is_far_away_is_fetched_once(cache: FileCache) -> None:
    asked: list[str] = []
    assert cache.find("ct/1") is None
    for _ in range(3):
        assert read(cache.open("ct/1", writes(b"slice", asked))) == b"slice"
    assert len(asked) == 1
    assert read(cache.find("ct/1") or -1) == b"slice"


def test_a_key_names_no_path(cache: FileCache, tmp_path: Path) -> None:
    assert read(cache.open("../../etc/passwd", writes(b"slice"))) == b"slice"
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_of_many_threads_that_want_one_key_one_fetches(cache: FileCache) -> None:
    asked: list[str] = []
    all_ask = threading.Barrier(8)

    def slowly(path: Path) -> None:
        asked.append(path.name)
        threading.Event().wait(0.05)
        path.write_bytes(b"slice")

    def ask(_: int) -> bytes:
        all_ask.wait()
        return read(cache.open("ct/1", slowly))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"slice"}
    assert len(asked) == 1


def test_of_several_processes_that_want_one_key_one_fetches(cache: FileCache, tmp_path: Path) -> None:
    all_ask = FORK.Barrier(4)

    def slowly(path: Path) -> None:
        (tmp_path / f"asked-{os.getpid()}").touch()
        threading.Event().wait(0.1)
        path.write_bytes(b"slice")

    def ask() -> None:
        all_ask.wait()
        os._exit(read(cache.open("ct/1", slowly)) != b"slice")

    processes = [FORK.Process(target=ask) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(list(tmp_path.glob("asked-*"))) == 1


def test_a_slow_fetch_of_one_key_holds_no_other(cache: FileCache) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def stuck(path: Path) -> None:
        begun.set()
        go_on.wait()
        path.write_bytes(b"late")

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(cache.open, "dead archive", stuck)
        begun.wait()
        assert read(cache.open("living archive", writes(b"slice"))) == b"slice"
        with pytest.raises(Busy, match="take long"):
            cache.open("dead archive", writes(b"slice"), wait_seconds=0)
        go_on.set()
        assert read(late.result()) == b"late"


def test_those_who_waited_for_a_flight_that_failed_are_told_why_and_the_next_one_tries_again(cache: FileCache) -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def fails(_: Path) -> None:
        begun.set()
        go_on.wait()
        raise NotFound("The archive knows no such study.", remedy="Ask the hospital.")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.open, "ct/1", fails)
        begun.wait()
        second = pool.submit(cache.open, "ct/1", writes(b"slice", asked))
        while not _waits(cache):
            threading.Event().wait(0.001)
        go_on.set()
        for told in (first, second):
            with pytest.raises(NotFound, match="knows no such study"):
                told.result()
    assert asked == []
    assert read(cache.open("ct/1", writes(b"slice", asked))) == b"slice"


def _waits(cache: FileCache) -> bool:
    """Do two descriptors of this process lie on one flight?"""
    held = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists
            held += descriptor.readlink().parent == cache.root / "flights"
    return held == 2


def test_a_process_killed_in_the_middle_of_a_fetch_leaves_nothing_half_and_another_takes_over(
    cache: FileCache, tmp_path: Path
) -> None:
    half = FORK.Event()

    def dies(path: Path) -> None:
        path.write_bytes(b"sli")
        half.set()
        signal.pause()

    child = FORK.Process(target=cache.open, args=("ct/1", dies))
    child.start()
    half.wait()
    assert cache.find("ct/1") is None
    child.kill()
    child.join()
    assert read(cache.open("ct/1", writes(b"slice"))) == b"slice"
    again = FileCache(cache.root, cache.limit_bytes)
    again.clear_unfinished()
    assert not list((cache.root / "unfinished").iterdir())
    assert not list((cache.root / "flights").iterdir())
    assert read(again.find("ct/1") or -1) == b"slice"


def test_bytes_of_another_hash_are_refused_and_not_kept(cache: FileCache) -> None:
    with pytest.raises(Fault):
        cache.open("ct/1", writes(b"noise"), sha256=hashlib.sha256(b"slice").hexdigest())
    assert cache.find("ct/1") is None
    assert cache.size_bytes() == 0


@pytest.mark.parametrize("torn", [b"", b"sli", b"noise", b"slice and more"])
def test_a_cached_file_that_was_torn_is_fetched_again(cache: FileCache, torn: bytes) -> None:
    sha256, asked = hashlib.sha256(b"slice").hexdigest(), []  # type: ignore[var-annotated]
    os.close(cache.open("ct/1", writes(b"slice", asked), sha256=sha256))
    (file,) = (path for path in cache.root.glob("??/*"))
    file.write_bytes(torn)
    later = FileCache(cache.root, cache.limit_bytes)
    assert read(later.open("ct/1", writes(b"slice", asked), sha256=sha256)) == b"slice"
    assert len(asked) == 2


def test_the_files_used_longest_ago_make_room_and_what_is_open_stays_whole(cache: FileCache) -> None:
    opened = [cache.open(f"ct/{number}", writes(bytes([number]) * 3000)) for number in range(3)]
    for number, file in enumerate(sorted(cache.root.glob("??/*"), key=lambda path: path.read_bytes())):
        os.utime(file, (1000.0 + number, 1000.0 + number))
    os.close(cache.find("ct/0") or -1)  # used again, so no longer the oldest
    os.close(cache.open("ct/3", writes(b"3" * 3000)))
    assert cache.find("ct/1") is None
    assert read(cache.find("ct/0") or -1) == b"\0" * 3000
    assert read(opened[1]) == b"\1" * 3000
    assert cache.size_bytes() <= cache.limit_bytes
    os.close(opened[0]), os.close(opened[2])


def test_the_limit_holds_over_processes(cache: FileCache) -> None:
    def fill(first: int) -> None:
        for number in range(first, first + 20):
            os.close(cache.open(f"ct/{number}", writes(os.urandom(900))))

    processes = [FORK.Process(target=fill, args=(first,)) for first in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 3
    assert 0 < cache.size_bytes() <= cache.limit_bytes


def test_a_file_larger_than_the_cache_is_served_and_not_kept(cache: FileCache) -> None:
    assert read(cache.open("video", writes(b"v" * 20_000))) == b"v" * 20_000
    assert cache.find("video") is None


def test_a_full_disk_makes_room_by_what_is_cached_and_is_busy_when_that_is_not_enough(cache: FileCache) -> None:
    for number in range(3):
        os.close(cache.open(f"ct/{number}", writes(b"slice" * 600)))

    def full_until(most_bytes: int) -> Callable[[Path], None]:
        def fetch(path: Path) -> None:
            path.write_bytes(b"sli")
            if cache.size_bytes() > most_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            path.write_bytes(b"slice")

        return fetch

    assert read(cache.open("mr/1", full_until(5000))) == b"slice"
    with pytest.raises(Busy, match="disk of the cache is full"):
        cache.open("mr/2", full_until(-1))
    assert not list((cache.root / "unfinished").iterdir())


def test_a_finished_file_is_adopted_and_a_discarded_one_is_gone(cache: FileCache, tmp_path: Path) -> None:
    (tmp_path / "received").write_bytes(b"slice")
    cache.adopt("ct/1", tmp_path / "received")
    assert read(cache.find("ct/1") or -1) == b"slice"
    assert not (tmp_path / "received").exists()
    cache.discard("ct/1")
    cache.discard("ct/1")
    assert cache.find("ct/1") is None


def test_a_lost_or_torn_count_is_made_again(cache: FileCache) -> None:
    os.close(cache.open("ct/1", writes(b"s" * 3000)))
    (cache.root / "count").write_bytes(b"\0" * 20)
    for number in range(2, 6):
        os.close(cache.open(f"ct/{number}", writes(b"s" * 3000)))
    assert cache.size_bytes() <= cache.limit_bytes
