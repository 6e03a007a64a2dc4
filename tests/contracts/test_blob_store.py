"""What every BlobStore promises; each implementation is added to ``STORES``."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.blobs.folder import FolderBlobStore
from hub.contracts.blob_store import BlobStore
from hub.contracts.errors import NotFound

STORES: dict[str, Callable[[Path], BlobStore]] = {"folder": FolderBlobStore}


@pytest.fixture(params=STORES)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return STORES[request.param](tmp_path / "blobs")


def test_what_was_put_is_read_back_under_its_sha256(blobs: BlobStore) -> None:
    content = os.urandom(100_000)
    key = blobs.put(content)
    assert key == hashlib.sha256(content).hexdigest()
    with blobs.open(key) as file:
        assert file.read() == content
    assert blobs.size_bytes(key) == len(content)


def test_the_same_bytes_again_are_the_same_blob(blobs: BlobStore) -> None:
    assert blobs.put(b"ecg") == blobs.put(b"ecg")


def test_empty_bytes_are_a_blob_too(blobs: BlobStore) -> None:
    with blobs.open(blobs.put(b"")) as file:
        assert file.read() == b""


def test_many_threads_may_put_the_same_and_other_bytes_at_once(blobs: BlobStore) -> None:
    contents = [bytes([number % 7]) * 5000 for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(blobs.put, contents))
    assert len(set(keys)) == 7
    for key, content in zip(keys, contents, strict=True):
        with blobs.open(key) as file:
            assert file.read() == content


def test_unknown_bytes_are_not_found(blobs: BlobStore) -> None:
    with pytest.raises(NotFound):
        blobs.open("0" * 64)
    with pytest.raises(NotFound):
        blobs.size_bytes("0" * 64)


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "/etc/passwd", "a" * 63, "A" * 64, "0" * 64 + "\n", "\0"]
)
def test_a_name_that_is_no_sha256_is_not_found_and_touches_nothing(blobs: BlobStore, name: str) -> None:
    with pytest.raises(NotFound):
        blobs.open(name)
    with pytest.raises(NotFound):
        blobs.delete(name)


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(blobs: BlobStore) -> None:
    key = blobs.put(b"once")
    blobs.delete(key)
    blobs.delete(key)
    with pytest.raises(NotFound):
        blobs.open(key)
    assert blobs.put(b"once") == key


def test_a_complete_file_is_adopted_without_a_copy(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "blobs")
    file = store.unfinished / "received"
    file.write_bytes(b"pixels")
    key = hashlib.sha256(b"pixels").hexdigest()
    store.adopt(file, key)
    assert not file.exists()
    assert store.path(key) is not None
    with store.open(key) as opened:
        assert opened.read() == b"pixels"
    assert list(store.keys()) == [key]


def test_bytes_that_rotted_on_disk_are_found_and_healed_by_putting_them_again(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "blobs")
    key = store.put(b"signal")
    path = store.path(key)
    assert path is not None
    assert list(store.verify()) == []
    path.write_bytes(b"nois")
    assert len(list(store.verify())) == 1
    store.put(b"signal")
    assert list(store.verify()) == []


def test_what_a_crash_left_half_written_is_cleared(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "blobs")
    (store.unfinished / "half").write_bytes(b"ha")
    store.clear_unfinished()
    assert list(store.unfinished.iterdir()) == []
