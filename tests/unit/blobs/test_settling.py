"""Blobs come to rest beside everything else, and nothing is lost on the way: shelves that are away, crashes between the
steps, torn forms, deletions in the middle."""

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore
from hub.blobs.folder_shelf import FolderShelf
from hub.blobs.packing import Packing, Zstd
from hub.blobs.settling import Settling
from hub.blobs.settling_store import SettlingBlobStore
from hub.contracts.errors import Busy, Fault, NotFound


class Cut(BaseException):
    """Stands for kill -9: nothing catches it."""


class FarShelf:
    """A shelf that readers cannot look into, like a bucket, and that can be away or die in the middle."""

    def __init__(self, root: Path) -> None:
        self.files = FolderShelf(root)
        self.away = False
        self.die_after_put = False
        self.fetched: list[str] = []

    def put(self, key: str, form: Path) -> None:
        self._reach()
        copy = form.with_name(f"copy-{key}")
        copy.write_bytes(form.read_bytes())
        self.files.put(key, copy)
        if self.die_after_put:
            raise Cut

    def fetch(self, key: str, to: Path) -> None:
        self._reach()
        self.fetched.append(key)
        to.write_bytes((self.files.near(key) or Path()).read_bytes() if self.files.has(key) else self._absent())

    def near(self, key: str) -> Path | None:
        return None

    def has(self, key: str) -> bool:
        self._reach()
        return self.files.has(key)

    def delete(self, key: str) -> None:
        self._reach()
        self.files.delete(key)

    def stored(self) -> Iterator[str]:
        self._reach()
        return self.files.stored()

    def clear_unfinished(self) -> None:
        self.files.clear_unfinished()

    def form(self, key: str) -> Path:
        place = self.files.near(key)
        assert place is not None
        return place

    def _reach(self) -> None:
        if self.away:
            raise Busy("The shelf is away.", retry_after_seconds=10)

    def _absent(self) -> bytes:
        raise NotFound("There are no such bytes here.")


@pytest.fixture
def shelf(tmp_path: Path) -> FarShelf:
    return FarShelf(tmp_path / "far")


@pytest.fixture
def blobs(tmp_path: Path, shelf: FarShelf) -> SettlingBlobStore:
    return made(tmp_path, shelf)


def made(folder: Path, shelf: FarShelf, *, pack: bool = False) -> SettlingBlobStore:
    """The store as a process that just started sees it."""
    arriving, cache = FolderBlobStore(folder / "blobs"), FileCache(folder / "cache", 1 << 20)
    return SettlingBlobStore(arriving, shelf, cache, Packing([Zstd()]), pack=pack)


def read(blobs: SettlingBlobStore, key: str) -> bytes:
    with blobs.open(key) as file:
        return file.read()


def wait_until(condition: object) -> None:
    assert callable(condition)
    for _ in range(2000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it did not come about")


def test_what_arrives_is_carried_to_the_shelf_and_stays_readable_from_the_cache(
    blobs: SettlingBlobStore, shelf: FarShelf
) -> None:
    keys = [blobs.put(bytes([number]) * 1000) for number in range(20)]
    settling = Settling(blobs, idle_seconds=0.01)
    settling.start()
    wait_until(lambda: not list(blobs.waiting()))
    settling.stop()
    assert sorted(shelf.stored()) == sorted(keys)
    assert [read(blobs, key)[0] for key in keys] == list(range(20))
    assert shelf.fetched == []


def test_while_the_shelf_is_away_ingest_and_cached_reads_go_on_and_afterwards_everything_arrives(
    blobs: SettlingBlobStore, shelf: FarShelf
) -> None:
    cached, far = blobs.put(b"cached"), blobs.put(b"far")
    for key in (cached, far):
        blobs.settle(key)
    blobs.cache.discard(far)
    shelf.away = True
    settling = Settling(blobs, idle_seconds=0.01)
    settling.start()
    new = blobs.put(b"new")
    assert (read(blobs, cached), read(blobs, new)) == (b"cached", b"new")
    with pytest.raises(Busy) as away:
        blobs.open(far)
    assert away.value.retry_after_seconds == 10
    with pytest.raises(Busy):
        blobs.has(far)
    assert list(blobs.waiting()) == [new]
    shelf.away = False
    wait_until(lambda: not list(blobs.waiting()))
    settling.stop()
    assert sorted(shelf.stored()) == sorted([cached, far, new])
    assert read(blobs, far) == b"far"


@pytest.mark.parametrize("pack", [False, True])
def test_a_crash_between_the_shelf_and_leaving_the_folder_loses_and_doubles_nothing(
    tmp_path: Path, shelf: FarShelf, pack: bool
) -> None:
    blobs = made(tmp_path, shelf, pack=pack)
    key = blobs.put(b"pixels" * 1000)
    shelf.die_after_put = True
    with pytest.raises(Cut):
        blobs.settle(key)
    shelf.die_after_put = False
    again = made(tmp_path, shelf, pack=pack)
    again.clear_unfinished()
    assert list(again.waiting()) == [key]
    assert read(again, key) == b"pixels" * 1000
    again.settle(key)
    assert list(again.waiting()) == []
    assert list(shelf.stored()) == [key]
    again.cache.discard(key)
    assert read(again, key) == b"pixels" * 1000
    assert list(again.verify()) == []


def test_what_was_deleted_is_gone_for_readers_at_once_even_while_the_shelf_is_away(
    tmp_path: Path, shelf: FarShelf
) -> None:
    blobs = made(tmp_path, shelf)
    key = blobs.put(b"once")
    blobs.settle(key)
    shelf.away = True
    blobs.delete(key)
    later = made(tmp_path, shelf)
    for store in (blobs, later):
        with pytest.raises(NotFound):
            store.open(key)
        assert store.near(key) is None
        assert not store.has(key)
    shelf.away = False
    later.settle(key)
    assert list(shelf.stored()) == []
    assert later.deleted() == []


def test_what_is_put_again_after_its_deletion_stays(blobs: SettlingBlobStore, shelf: FarShelf) -> None:
    key = blobs.put(b"again")
    blobs.settle(key)
    blobs.delete(key)
    assert blobs.put(b"again") == key
    blobs.settle(key)
    blobs.settle(key)
    assert read(blobs, key) == b"again"
    assert list(shelf.stored()) == [key]


def test_what_is_deleted_while_it_is_being_carried_does_not_come_back(
    tmp_path: Path, blobs: SettlingBlobStore, shelf: FarShelf
) -> None:
    key = blobs.put(b"late")
    carry = shelf.put

    def deleted_meanwhile(key: str, form: Path) -> None:
        carry(key, form)
        blobs.delete(key)

    shelf.put = deleted_meanwhile  # type: ignore[method-assign]
    blobs.settle(key)
    blobs.settle(key)
    with pytest.raises(NotFound):
        blobs.open(key)
    assert list(shelf.stored()) == []


@pytest.mark.parametrize("pack", [False, True])
def test_everything_can_be_brought_back_into_the_folder(tmp_path: Path, shelf: FarShelf, pack: bool) -> None:
    blobs = made(tmp_path, shelf, pack=pack)
    contents = {blobs.put(bytes([number]) * 1000): bytes([number]) * 1000 for number in range(10)}
    for key in contents:
        blobs.settle(key)
    deleted, torn, *_ = contents
    blobs.delete(deleted)
    sound = shelf.form(torn).read_bytes()
    shelf.form(torn).write_bytes(sound[:-1])
    blobs.cache.discard(torn)
    emptied = threading.Event()
    shelf.away = True
    settling = Settling(blobs, emptied=emptied.set, idle_seconds=0.01)
    settling.start()
    assert not emptied.wait(0.05)
    shelf.away = False
    wait_until(lambda: len(list(blobs.waiting())) == 8)
    assert not emptied.wait(0.05), "what is damaged stays on the shelf"
    assert list(shelf.stored()) == [torn]
    settling.stop()
    shelf.form(torn).write_bytes(sound)
    settling = Settling(made(tmp_path, shelf, pack=pack), emptied=emptied.set, idle_seconds=0.01)
    settling.start()
    assert emptied.wait(10)
    settling.stop()
    plain = FolderBlobStore(tmp_path / "blobs")
    assert sorted(plain.keys()) == sorted(set(contents) - {deleted})
    assert list(plain.verify()) == []


def test_a_shelf_in_the_same_folder_system_takes_the_file_itself(tmp_path: Path) -> None:
    arriving = FolderBlobStore(tmp_path / "blobs")
    near = FolderShelf(tmp_path / "blobs" / "settled")
    blobs = SettlingBlobStore(arriving, near, FileCache(tmp_path / "cache", 1 << 20), Packing([]), pack=True)
    key = blobs.put(os.urandom(1000))
    blobs.settle(key)
    assert list(blobs.waiting()) == []
    assert (blobs.cache.size_bytes(), blobs.size_bytes(key)) == (0, 1000)


@pytest.mark.parametrize("torn", [b"", b"\x89HUBPK\r\n", b"\x89HUBPK\r\nzstd\0\0\0\0", b"noise"])
def test_a_damaged_form_is_told_and_never_served(tmp_path: Path, shelf: FarShelf, torn: bytes) -> None:
    blobs = made(tmp_path, shelf, pack=True)
    key = blobs.put(b"pixels" * 1000)
    blobs.settle(key)
    blobs.cache.discard(key)
    assert list(blobs.verify()) == []
    shelf.form(key).write_bytes(torn)
    with pytest.raises(Fault):
        blobs.open(key)
    assert [key in fault for fault in blobs.verify()] == [True]
    assert blobs.put(b"pixels" * 1000) == key
    blobs.settle(key)
    blobs.cache.discard(key)
    assert read(blobs, key) == b"pixels" * 1000
    assert list(blobs.verify()) == []


def test_a_shelf_that_cannot_be_checked_is_told_by_verify(blobs: SettlingBlobStore, shelf: FarShelf) -> None:
    blobs.settle(blobs.put(b"far"))
    shelf.away = True
    assert len(list(blobs.verify())) == 1


def test_a_codec_that_does_not_give_back_the_same_bytes_is_never_trusted(tmp_path: Path, shelf: FarShelf) -> None:
    class Lossy:
        name = "lossy"

        def pack(self, original: bytes) -> bytes | None:
            return original[:10]

        def unpack(self, packed: memoryview, size_bytes: int) -> bytes:
            return bytes(packed) + bytes(size_bytes - 10)

    arriving, cache = FolderBlobStore(tmp_path / "blobs"), FileCache(tmp_path / "cache", 1 << 20)
    blobs = SettlingBlobStore(arriving, shelf, cache, Packing([Lossy(), Zstd()]), pack=True)
    key = blobs.put(b"pixels" * 1000)
    blobs.settle(key)
    blobs.cache.discard(key)
    assert hashlib.sha256(read(blobs, key)).hexdigest() == key
    assert b"zstd" in shelf.form(key).read_bytes()[:20]


def test_the_cache_gives_way_when_its_disk_fills_up(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1" * 1000)
    FileCache(tmp_path / "cache", 1 << 20).adopt("one", tmp_path / "one")
    pressed = FileCache(tmp_path / "cache", 1 << 20, keep_free_bytes=1 << 60)
    pressed.trim()
    assert pressed.size_bytes() == 0
