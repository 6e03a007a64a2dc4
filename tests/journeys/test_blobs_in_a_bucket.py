"""A county whose blobs lie compressed in a bucket: images and documents, the bucket away, kill -9 on the way there."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pydicom
import pytest

from tests.journeys.image_sender import image
from tests.journeys.running_hub import RunningHub, wait_for
from tests.servers import s3

DICOM = 'multipart/related; type="application/dicom"'


@pytest.fixture(scope="module")
def server() -> Iterator[s3.Moto]:
    server = s3.Moto()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, server: s3.Moto) -> Iterator[RunningHub]:
    """One hub for all of these; each test has images of its own."""
    bucket = s3.make_bucket(server.endpoint, "county")
    running = RunningHub(
        tmp_path_factory.mktemp("bucket") / "data",
        HUB_BLOBS__S3__BUCKET=bucket.name,
        HUB_BLOBS__S3__ENDPOINT=server.endpoint,
        HUB_BLOBS__S3__KEY=s3.KEY,
        HUB_BLOBS__S3__SECRET=s3.SECRET,
        HUB_BLOBS__COMPRESS="true",
        HUB_QUOTA__ORGANIZATIONS__QINGSHAN="1000000000",
    ).start(workers=1)
    try:
        running.register("qingshan", "clinic", "qingshan", "--facility", "QS001")
        running.register("operator", "admin", "county-it")
        yield running
    finally:
        running.stop()


def stow(hub: RunningHub, *objects: pydicom.Dataset) -> int:
    body = b""
    for one in objects:
        file = io.BytesIO()
        one.save_as(file, enforce_file_format=True)
        body += b"--part\r\nContent-Type: application/dicom\r\n\r\n" + file.getvalue() + b"\r\n"
    with hub.session("qingshan") as session:
        headers = {"Content-Type": DICOM + "; boundary=part", "Accept": "application/dicom+json"}
        return session.post("/dicom-web/studies", content=body + b"--part--\r\n", headers=headers).status_code


def pixels(hub: RunningHub, one: pydicom.Dataset) -> httpx.Response:
    place = f"/dicom-web/studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}"
    with hub.session("qingshan") as session:
        return session.get(f"{place}/frames/1", headers={"Accept": "application/octet-stream"})


def objects(hub: RunningHub) -> list[dict[str, Any]]:
    listed = s3.client(hub.environment["HUB_BLOBS__S3__ENDPOINT"]).list_objects_v2(
        Bucket=hub.environment["HUB_BLOBS__S3__BUCKET"]
    )
    return list(listed.get("Contents", []))


def settled(hub: RunningHub) -> bool:
    blobs = hub.folder / "blobs"
    waiting = any(path for shelf in blobs.iterdir() if len(shelf.name) == 2 for path in shelf.iterdir())
    spooled = any(file.stat().st_size for file in (hub.folder / "dicom" / "spool").iterdir())
    return not waiting and not spooled


def empty_the_cache(hub: RunningHub) -> None:
    for file in (hub.folder / "cache" / "blobs").glob("??/*"):
        file.unlink()


def test_images_and_documents_lie_smaller_in_the_bucket_and_come_back_as_they_were(hub: RunningHub) -> None:
    flat, noisy = image(1), image(2)
    flat.PixelData = bytes(64 * 64)
    assert stow(hub, flat, noisy) == 200
    note = "OBX|1|TX|||" + "检查所见：双肺纹理清晰。" * 4000
    message = f"MSH|^~\\&|LIS|QS001|HUB|C|20261122093000||XYZ^Z99|K1|P|2.4||||||UNICODE UTF-8\r{note}\r".encode()
    hub.send_hl7(message)  # a type nobody takes: its bytes are kept in quarantine
    assert wait_for(lambda: len(objects(hub)) == 3 and settled(hub))
    assert min(one["Size"] for one in objects(hub)) < 1000
    empty_the_cache(hub)
    assert pixels(hub, flat).content == flat.PixelData
    assert pixels(hub, noisy).content == noisy.PixelData
    with hub.session("qingshan") as session:
        (item,) = (one for one in session.get("/quarantine").json()["items"] if one["key"].endswith("K1"))
        assert session.get(f"/quarantine/{item['id']}/original").content == message
    assert hub.run("verify", "--data-dir", str(hub.folder)).stdout == "Everything stored is what was written.\n"
    with hub.session("operator") as session:
        assert "qingshan</td><td>0.0</td>" in "".join(session.get("/").text.split())
        kept = 'hub_storage_bytes{organization="qingshan"} '

        def told() -> list[int]:
            return [int(one.removeprefix(kept)) for one in session.get("/metrics").text.splitlines() if kept in one]

        assert wait_for(lambda: 2 * 64 * 64 < sum(told()) < 2 * 64 * 64 + 2000), told()


def test_while_the_bucket_is_away_senders_notice_nothing_and_readers_are_told_when_to_come_again(
    hub: RunningHub, server: s3.Moto
) -> None:
    before, meanwhile = image(3), image(4)
    assert stow(hub, before) == 200
    known = len(objects(hub))
    assert wait_for(lambda: len(objects(hub)) > known and settled(hub))
    server.stop()
    try:
        assert stow(hub, meanwhile) == 200
        assert pixels(hub, meanwhile).content == meanwhile.PixelData
        assert pixels(hub, before).content == before.PixelData, "still cached"
        empty_the_cache(hub)
        away = pixels(hub, before)
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) > 0
        assert away.json()["resourceType"] == "OperationOutcome"
        hub.kill()
        hub.start(workers=1)
        assert pixels(hub, meanwhile).content == meanwhile.PixelData
        told = hub.run("verify", "--data-dir", str(hub.folder))
        assert told.returncode == 1
        assert "could not be checked" in told.stdout
    finally:
        server.start()
    assert wait_for(lambda: settled(hub), 60)
    empty_the_cache(hub)
    for one in (before, meanwhile):
        assert pixels(hub, one).content == one.PixelData


def test_kill_9_on_the_way_to_the_bucket_loses_and_doubles_nothing(hub: RunningHub) -> None:
    sent, known = [image(number) for number in range(10, 30)], len(objects(hub))
    assert stow(hub, *sent) == 200
    assert wait_for(lambda: len(objects(hub)) > known)
    hub.kill()
    hub.start(workers=1)
    assert wait_for(lambda: settled(hub))
    assert len(objects(hub)) == known + len(sent)
    empty_the_cache(hub)
    assert [pixels(hub, one).content for one in sent] == [one.PixelData for one in sent]
    assert hub.run("verify", "--data-dir", str(hub.folder)).returncode == 0


def test_a_bucket_that_is_not_there_ends_the_start_with_one_sentence(tmp_path: Path, server: s3.Moto) -> None:
    hub = RunningHub(tmp_path / "data", HUB_BLOBS__S3__BUCKET="nowhere", HUB_BLOBS__S3__ENDPOINT=server.endpoint)
    hub.environment |= {"AWS_ACCESS_KEY_ID": s3.KEY, "AWS_SECRET_ACCESS_KEY": s3.SECRET}
    doors = [option for door in ("http", "mllp", "dicom") for option in (f"--{door}", "127.0.0.1:0")]
    told = hub.run("serve", "--data-dir", str(hub.folder), *doors)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "no bucket nowhere" in told.stderr
