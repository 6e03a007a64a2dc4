import asyncio
import json
from pathlib import Path

import pytest

from adapters.ecg.drop_folder import DropFolder
from hub.contracts.caller import Caller
from hub.contracts.errors import Busy


@pytest.fixture
def good(samples: dict[str, bytes]) -> bytes:
    return samples["recording.scp"]


@pytest.fixture
def drop(tmp_path: Path, ingest, clinic: Caller) -> DropFolder:
    (tmp_path / "qingshan").mkdir()
    return DropFolder(tmp_path, ingest, {"qingshan": clinic}.get, poll_seconds=0.01)


def looks(drop: DropFolder, times: int = 2) -> int:
    async def several() -> int:
        return sum([await drop.look() for _ in range(times)])

    return asyncio.run(several())


def test_a_file_is_taken_once_its_size_stands_still(drop: DropFolder, hub, good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "qingshan" / "a.scp"
    path.write_bytes(good[:1000])
    assert looks(drop, 1) == 0
    path.write_bytes(good)
    assert looks(drop, 1) == 0 and not hub.submissions
    assert looks(drop, 1) == 1
    (submission,) = hub.submissions
    assert submission.original.content == good and submission.origin.caller.client == "qingshan"


def test_it_goes_to_done_beside_its_receipt(drop: DropFolder, hub, good: bytes, tmp_path: Path) -> None:
    (tmp_path / "qingshan" / "a.scp").write_bytes(good)
    looks(drop)
    done = tmp_path / "qingshan" / "done"
    assert (done / "a.scp").read_bytes() == good
    note = json.loads((done / "a.scp.json").read_text())
    assert note["status"] == "accepted" and "ImagingStudy/3" in note["resources"]
    assert looks(drop, 3) == 0 and len(hub.submissions) == 1


def test_a_refused_file_lies_beside_its_reason_without_the_patient(
    drop: DropFolder, hub, good: bytes, tmp_path: Path
) -> None:
    (tmp_path / "qingshan" / "a.scp").write_bytes(good[:-1] + b"x")
    looks(drop)
    refused = tmp_path / "qingshan" / "refused"
    assert (refused / "a.scp").exists() and not hub.submissions
    note = json.loads((refused / "a.scp.json").read_text())
    assert (note["status"], note["quarantine"], note["where"]) == ("refused", "q1", "record CRC (bytes 1-2)")
    assert note["remedy"] and "QS2026" not in (refused / "a.scp.json").read_text()


def test_a_file_that_names_nobody_is_refused(drop: DropFolder, hub, muse: bytes, tmp_path: Path) -> None:
    (tmp_path / "qingshan" / "a.xml").write_bytes(muse)
    looks(drop)
    assert (tmp_path / "qingshan" / "refused" / "a.xml").exists() and len(hub.refusals) == 1


def test_two_files_of_one_name_are_both_kept(drop: DropFolder, samples: dict[str, bytes], tmp_path: Path) -> None:
    contents = [samples["recording.scp"], samples["recording.xml"]]
    for content in contents:
        (tmp_path / "qingshan" / "a.scp").write_bytes(content)
        looks(drop)
    kept = [path.read_bytes() for path in (tmp_path / "qingshan" / "done").glob("*.scp")]
    assert sorted(kept) == sorted(contents)


@pytest.mark.parametrize("name", ["a.part", "a.scp.tmp", ".hidden", "a.scp~"])
def test_unfinished_files_are_left_alone(drop: DropFolder, hub, good: bytes, tmp_path: Path, name: str) -> None:
    (tmp_path / "qingshan" / name).write_bytes(good)
    assert looks(drop, 3) == 0 and not hub.submissions


def test_files_of_nobody_stay_where_they_are(drop: DropFolder, good: bytes, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "a.scp").write_bytes(good)
    assert looks(drop, 3) == 0 and (tmp_path / "stranger" / "a.scp").exists()


def test_links_are_not_followed(drop: DropFolder, good: bytes, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(good)
    (tmp_path / "qingshan" / "a.scp").symlink_to(elsewhere)
    assert looks(drop, 3) == 0


@pytest.mark.parametrize("failure", [Busy("Try later."), RuntimeError("unforeseen")])
def test_what_is_not_the_files_fault_leaves_it_for_later(
    drop: DropFolder, hub, samples: dict[str, bytes], tmp_path: Path, failure: Exception
) -> None:
    hub.failures.append(failure)
    (tmp_path / "qingshan" / "a.scp").write_bytes(samples["recording.scp"])
    (tmp_path / "qingshan" / "b.dcm").write_bytes(samples["recording.dcm"])
    assert looks(drop, 2) == 1 and (tmp_path / "qingshan" / "a.scp").exists()
    assert looks(drop, 1) == 1 and not (tmp_path / "qingshan" / "a.scp").exists()


def test_after_a_restart_what_is_left_is_taken(
    drop: DropFolder, ingest, hub, good: bytes, tmp_path: Path, clinic: Caller
) -> None:
    (tmp_path / "qingshan" / "a.scp").write_bytes(good)
    looks(drop, 1)
    assert looks(DropFolder(tmp_path, ingest, {"qingshan": clinic}.get)) == 1 and len(hub.submissions) == 1


def test_it_runs_until_it_is_stopped(drop: DropFolder, good: bytes, tmp_path: Path) -> None:
    (tmp_path / "qingshan" / "a.scp").write_bytes(good)

    async def run() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(drop.run(stop))
        while not (tmp_path / "qingshan" / "done" / "a.scp").exists():
            await asyncio.sleep(0.01)
        stop.set()
        await running

    asyncio.run(run())


def test_a_folder_that_is_not_there_yet_is_no_fault(ingest, tmp_path: Path) -> None:
    assert looks(DropFolder(tmp_path / "later", ingest, lambda name: None)) == 0
