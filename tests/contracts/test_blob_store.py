"""What every BlobStore promises; each implementation is added to ``STORES``."""

import hashlib
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore
from hub.blobs.folder_shelf import FolderShelf
from hub.blobs.packing import Packing, Zstd
from hub.blobs.s3 import Bucket, S3Shelf
from hub.blobs.settling_store import SettlingBlobStore
from hub.blobs.shelf import Shelf
from hub.contracts.blob_store import BlobStore
from hub.contracts.errors import NotFound
from tests.servers import s3

_ONE_CARRIER = threading.Lock()


class SettledAtOnce(SettlingBlobStore):
    """Nothing stays where it arrives, nor in the cache: whatever is read has been at rest."""

    def put(self, content: bytes) -> str:
        return self._at_rest(super().put(content))

    def adopt(self, path: Path, sha256: str) -> None:
        super().adopt(path, sha256)
        self._at_rest(sha256)

    def delete(self, sha256: str) -> None:
        super().delete(sha256)
        self._at_rest(sha256)

    def _at_rest(self, sha256: str) -> str:
        with _ONE_CARRIER:
            self.settle(sha256)
        self.cache.discard(sha256)
        return sha256


def settling(folder: Path, shelf: Shelf, *, pack: bool) -> SettledAtOnce:
    cache = FileCache(folder / "cache", 1 << 20)
    return SettledAtOnce(FolderBlobStore(folder / "blobs"), shelf, cache, Packing([Zstd()]), pack=pack)


def packed_in_a_folder(folder: Path, _bucket: Bucket) -> BlobStore:
    return settling(folder, FolderShelf(folder / "blobs" / "settled"), pack=True)


def plain_in_a_folder(folder: Path, _bucket: Bucket) -> BlobStore:
    return settling(folder, FolderShelf(folder / "blobs" / "settled"), pack=False)


def in_a_bucket(folder: Path, bucket: Bucket) -> BlobStore:
    return settling(folder, S3Shelf(bucket), pack=False)


def packed_in_a_bucket(folder: Path, bucket: Bucket) -> BlobStore:
    return settling(folder, S3Shelf(bucket), pack=True)


STORES: dict[str, Callable[[Path, Bucket], BlobStore]] = {
    "folder": lambda folder, _bucket: FolderBlobStore(folder / "blobs"),
    "settled folder": plain_in_a_folder,
    "packed folder": packed_in_a_folder,
    "S3": in_a_bucket,
    "packed S3": packed_in_a_bucket,
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3.server(tmp_path_factory.mktemp("s3")) as (_name, endpoint):
        yield endpoint


@pytest.fixture(params=STORES)
def blobs(request: pytest.FixtureRequest, tmp_path: Path, endpoint: str) -> BlobStore:
    bucket = s3.make_bucket(endpoint, f"bucket-{uuid.uuid4().hex}")
    return STORES[request.param](tmp_path, bucket)


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


def test_compressible_and_incompressible_bytes_come_back_as_they_were(blobs: BlobStore) -> None:
    for content in (b"ECG " * 50_000, os.urandom(200_000), b"\x89HUBPK\r\nzstd\0\0\0\0 and no more"):
        with blobs.open(blobs.put(content)) as file:
            assert file.read() == content


def test_a_descriptor_is_of_a_plain_file_from_its_first_byte_on(blobs: BlobStore) -> None:
    descriptor = blobs.descriptor(blobs.put(b"pixels" * 1000))
    try:
        assert os.fstat(descriptor).st_size == 6000
        assert os.pread(descriptor, 6, 5994) == b"pixels"
    finally:
        os.close(descriptor)


def test_it_is_known_what_is_there_and_what_is_not(blobs: BlobStore) -> None:
    key = blobs.put(b"ecg" * 100)
    assert blobs.has(key)
    assert not blobs.has("0" * 64)
    assert blobs.near("0" * 64) is None
    blobs.delete(key)
    assert not blobs.has(key)


def test_a_file_is_adopted_and_gone_from_where_it_was(blobs: BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "blobs" / "unfinished" / "received"
    file.write_bytes(b"pixels")
    key = hashlib.sha256(b"pixels").hexdigest()
    blobs.adopt(file, key)
    assert not file.exists()
    with blobs.open(key) as opened:
        assert opened.read() == b"pixels"


def test_a_folder_lists_what_it_holds(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "blobs")
    key = store.put(b"pixels")
    assert list(store.keys()) == [key]


def test_bytes_that_rotted_on_disk_are_found_and_healed_by_putting_them_again(tmp_path: Path) -> None:
    store = FolderBlobStore(tmp_path / "blobs")
    key = store.put(b"signal")
    path = store.path(key)
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
