"""The bucket shelf against moto's server, and, where its binary is at hand, against a real MinIO: secrets, checksums,
parts, and a server that dies in the middle."""

import hashlib
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore
from hub.blobs.packing import Packing, Zstd
from hub.blobs.s3 import PART_BYTES, Bucket, S3Shelf
from hub.blobs.settling import Settling
from hub.blobs.settling_store import SettlingBlobStore
from hub.contracts.errors import Busy, NotFound
from tests.servers import s3

needs_minio = pytest.mark.skipif(
    s3.minio_binary() is None, reason="no minio binary on PATH or in HUB_TESTS_MINIO (see tests/servers/s3.py)"
)


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Minio]:
    server = s3.Minio(tmp_path_factory.mktemp("minio"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def moto_endpoint() -> Iterator[str]:
    with s3.moto() as endpoint:
        yield endpoint


@pytest.fixture(params=["moto", pytest.param("minio", marks=needs_minio)])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    server = request.getfixturevalue("minio" if request.param == "minio" else "moto_endpoint")
    endpoint = server if isinstance(server, str) else server.endpoint
    return s3.make_bucket(endpoint, f"bucket-{uuid.uuid4().hex}")


def file_of(folder: Path, content: bytes) -> tuple[str, Path]:
    path = folder / uuid.uuid4().hex
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest(), path


def store(folder: Path, bucket: Bucket, *, pack: bool = False) -> SettlingBlobStore:
    arriving, cache = FolderBlobStore(folder / "blobs"), FileCache(folder / "cache", 1 << 30)
    return SettlingBlobStore(arriving, S3Shelf(bucket), cache, Packing([Zstd()]), pack=pack)


@pytest.mark.parametrize("size", [0, 1, 100_000, PART_BYTES, 2 * PART_BYTES + 1])
def test_objects_small_and_large_lie_in_the_bucket_as_they_were(tmp_path: Path, bucket: Bucket, size: int) -> None:
    content = os.urandom(size)
    key, path = file_of(tmp_path, content)
    shelf = S3Shelf(bucket)
    shelf.put(key, path)
    assert shelf.has(key)
    assert list(shelf.stored()) == [key]
    shelf.fetch(key, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    seen = s3.client(bucket.endpoint or "").get_object(Bucket=bucket.name, Key=f"hub/{key[:2]}/{key[2:]}")
    assert seen["Body"].read() == content


@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
def test_an_object_that_rotted_in_the_bucket_is_replaced_by_the_sound_one(
    tmp_path: Path, bucket: Bucket, size: int
) -> None:
    content = os.urandom(size)
    key, path = file_of(tmp_path, content)
    shelf = S3Shelf(bucket)
    for rotten in (b"rot", os.urandom(size)):
        s3.client(bucket.endpoint or "").put_object(Bucket=bucket.name, Key=f"hub/{key[:2]}/{key[2:]}", Body=rotten)
        shelf.put(key, path)
        shelf.fetch(key, tmp_path / f"fetched-{len(rotten)}")
        assert (tmp_path / f"fetched-{len(rotten)}").read_bytes() == content


def test_hubs_with_other_prefixes_share_a_bucket(tmp_path: Path, bucket: Bucket) -> None:
    key, path = file_of(tmp_path, b"ecg")
    S3Shelf(bucket).put(key, path)
    other = S3Shelf(replace(bucket, prefix="other"))
    assert list(other.stored()) == []
    with pytest.raises(NotFound):
        other.fetch(key, tmp_path / "fetched")


def test_a_bucket_that_can_be_used_is_left_as_it_was(bucket: Bucket) -> None:
    assert S3Shelf(bucket).refusal() is None
    assert list(S3Shelf(replace(bucket, prefix="")).stored()) == []


def test_a_bucket_that_is_not_there_is_told_by_name(bucket: Bucket) -> None:
    refusal = S3Shelf(replace(bucket, name="nowhere")).refusal()
    assert refusal is not None
    assert not refusal.away
    assert "no bucket nowhere" in refusal.sentence
    assert "HUB_BLOBS__S3__BUCKET" in refusal.sentence


def test_a_bucket_that_went_missing_is_no_missing_blob(tmp_path: Path, bucket: Bucket) -> None:
    with pytest.raises(Busy, match="bucket nowhere is gone"):
        S3Shelf(replace(bucket, name="nowhere")).fetch("0" * 64, tmp_path / "fetched")


def test_a_server_that_cannot_be_reached_or_does_not_answer_is_away(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for endpoint in (f"http://127.0.0.1:{port}", f"http://127.0.0.1:{silent.getsockname()[1]}"):
            bucket = Bucket("county", endpoint, key=s3.KEY, secret=s3.SECRET, timeout_seconds=0.2)
            refusal = S3Shelf(bucket).refusal()
            assert refusal is not None
            assert refusal.away
            with pytest.raises(Busy):
                S3Shelf(bucket).fetch("0" * 64, tmp_path / "fetched")


def test_a_server_that_did_not_answer_is_not_asked_by_everybody_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        shelf = S3Shelf(Bucket("county", endpoint, key=s3.KEY, secret=s3.SECRET, timeout_seconds=0.2))

        def asked() -> int:
            for number in range(100):
                try:
                    silent.accept()[0].close()
                except BlockingIOError:
                    return number
            return 100

        with pytest.raises(Busy):
            shelf.has("0" * 64)
        assert asked() > 0
        for _ in range(5):
            with pytest.raises(Busy):
                shelf.fetch("0" * 64, tmp_path / "fetched")
        assert asked() == 0


def test_a_secret_is_not_in_what_is_printed_of_a_bucket() -> None:
    assert s3.SECRET not in repr(Bucket("county", key=s3.KEY, secret=s3.SECRET))


@needs_minio
@pytest.mark.parametrize("wrong", [{"secret": "wrong-secret"}, {"key": "nobody"}])
def test_a_wrong_key_or_secret_is_told_with_its_setting(minio: s3.Minio, wrong: dict[str, str]) -> None:
    bucket = s3.make_bucket(minio.endpoint, f"bucket-{uuid.uuid4().hex}")
    refusal = S3Shelf(replace(bucket, **wrong)).refusal()  # type: ignore[arg-type]
    assert refusal is not None
    assert not refusal.away
    assert "HUB_BLOBS__S3__SECRET" in refusal.sentence


@needs_minio
def test_a_server_killed_in_the_middle_of_uploads_and_started_again_holds_everything_once(
    tmp_path: Path, minio: s3.Minio
) -> None:
    bucket = s3.make_bucket(minio.endpoint, f"bucket-{uuid.uuid4().hex}")
    blobs = store(tmp_path, bucket)
    contents = {blobs.put(content): content for content in (os.urandom(3 * PART_BYTES + number) for number in range(6))}
    contents |= {blobs.put(content): content for content in (os.urandom(50_000 + number) for number in range(100))}
    settling = Settling(blobs, idle_seconds=0.02)
    settling.start()
    while len(list(blobs.waiting())) > 90:
        threading.Event().wait(0.002)
    minio.kill()
    left = list(blobs.waiting())
    assert left
    for key in left:  # what the bucket has not confirmed is here, whole
        with blobs.open(key) as file:
            assert file.read() == contents[key]
    while blobs.put(b"arrived meanwhile") not in blobs.waiting():
        threading.Event().wait(0.01)
    minio.start()
    while list(blobs.waiting()):
        threading.Event().wait(0.02)
    settling.stop()
    contents[hashlib.sha256(b"arrived meanwhile").hexdigest()] = b"arrived meanwhile"
    assert sorted(blobs.shelf.stored()) == sorted(contents)
    for key, content in contents.items():
        blobs.cache.discard(key)
        with blobs.open(key) as file:
            assert file.read() == content
    assert list(blobs.verify()) == []
