"""Which settings of the blob store are refused, by which sentence, and what a folder remembers of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.app.blobs import blob_store, forget, remember, why_not
from hub.blobs.folder import FolderBlobStore
from hub.blobs.settling_store import SettlingBlobStore
from hub.settings import Settings, SettingsError, load
from tests.servers import s3


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3.moto() as endpoint:
        s3.make_bucket(endpoint, "county")
        s3.make_bucket(endpoint, "other")
        yield endpoint


def settings(folder: Path, **blobs: object) -> Settings:
    return load(data_dir=folder, blobs=blobs)


def bucket(endpoint: str, **more: object) -> dict[str, object]:
    return {"bucket": "county", "endpoint": endpoint, "key": s3.KEY, "secret": s3.SECRET, **more}


def test_a_plain_folder_is_the_default(tmp_path: Path) -> None:
    assert isinstance(blob_store(settings(tmp_path)), FolderBlobStore)
    assert why_not(settings(tmp_path)) is None


def test_a_bucket_is_remembered_and_no_other_place_is_taken_for_it(tmp_path: Path, endpoint: str) -> None:
    right = settings(tmp_path, s3=bucket(endpoint))
    assert why_not(right) is None
    remember(right)
    assert why_not(right) is None
    assert isinstance(blob_store(right), SettlingBlobStore)
    for wrong in (
        settings(tmp_path),
        settings(tmp_path, compress=True),
        settings(tmp_path, s3=bucket(endpoint, bucket="other")),
    ):
        told = why_not(wrong)
        assert told is not None
        assert "s3://county" in told
        assert "HUB_BLOBS__S3__" in told


def test_a_bucket_that_is_not_there_or_out_of_reach_is_refused_before_it_was_ever_used(
    tmp_path: Path, endpoint: str
) -> None:
    for wrong, word in (
        ({"bucket": "nowhere"}, "BUCKET"),
        ({"endpoint": "http://127.0.0.1:9"}, "ENDPOINT"),
        ({"ca_file": tmp_path / "none"}, "CA_FILE"),
    ):
        told = why_not(settings(tmp_path, s3=bucket(endpoint) | wrong))
        assert told is not None
        assert f"HUB_BLOBS__S3__{word}" in told
        assert s3.SECRET not in told
    assert why_not(settings(tmp_path)) is None


def test_a_bucket_that_was_used_may_be_away_at_a_start(tmp_path: Path) -> None:
    server = s3.Moto()
    server.start()
    try:
        s3.make_bucket(server.endpoint, "away")
        right = settings(tmp_path, s3=bucket(server.endpoint, bucket="away"))
        assert why_not(right) is None
        remember(right)
    finally:
        server.stop()
    assert why_not(right) is None


def test_blobs_that_were_compressed_stay_readable_when_nothing_new_is(tmp_path: Path) -> None:
    packing = blob_store(settings(tmp_path, compress=True))
    assert isinstance(packing, SettlingBlobStore)
    key = packing.put(b"pixels" * 1000)
    packing.settle(key)
    packing.cache.discard(key)
    later = blob_store(settings(tmp_path))
    with later.open(key) as file:
        assert file.read() == b"pixels" * 1000


def test_compressed_blobs_move_into_a_bucket_when_they_were_brought_back(tmp_path: Path, endpoint: str) -> None:
    packing = blob_store(settings(tmp_path, compress=True))
    assert isinstance(packing, SettlingBlobStore)
    key = packing.put(b"pixels" * 1000)
    packing.settle(key)
    told = why_not(settings(tmp_path, s3=bucket(endpoint)))
    assert told is not None
    assert "BRING_BACK" in told
    packing.bring_back(key)
    assert isinstance(blob_store(settings(tmp_path)), FolderBlobStore)
    assert why_not(settings(tmp_path, s3=bucket(endpoint))) is None


def test_a_folder_that_everything_came_back_to_forgets_its_bucket(tmp_path: Path, endpoint: str) -> None:
    right = settings(tmp_path, s3=bucket(endpoint))
    remember(right)
    assert why_not(settings(tmp_path)) is not None
    back = settings(tmp_path, s3=bucket(endpoint), bring_back=True)
    assert why_not(back) is None
    forget(back)
    remember(back)
    assert why_not(settings(tmp_path)) is None


@pytest.mark.parametrize(
    "wrong",
    [{"endpoint": "http://minio.example.org:9000"}, {"bucket": "No Bucket"}, {"secret": None}, {"buckett": "x"}],
)
def test_settings_that_cannot_be_meant_are_named(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=r"HUB_BLOBS|blobs\.s3") as told:
        settings(tmp_path, s3=bucket("https://minio.example.org") | wrong)
    assert s3.SECRET not in str(told.value)
