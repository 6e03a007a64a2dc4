"""One command, one folder: starting, refusing, draining."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.journeys.running_hub import RunningHub, msa, wait_for


def _serve(*options: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hub", "serve", "--data-dir", str(folder), *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_ready_line_names_every_door_and_stands_in_the_folder(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path / "data").start(workers=1)
    try:
        assert hub.doors["event"] == "ready"
        assert hub.doors["http"].startswith("http://127.0.0.1:")
        assert hub.doors["ae_title"] == "HUB"
        assert hub.doors["pid"] == hub.pid
        assert json.loads((hub.folder / "run" / "doors.json").read_text(encoding="utf-8")) == hub.doors
        for door in ("mllp", "dicom"):
            host, port = hub.doors[door].rsplit(":", 1)
            socket.create_connection((host, int(port)), timeout=5).close()
    finally:
        hub.stop()


def test_a_second_hub_on_the_folder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path / "data").start(workers=1)
    try:
        second = _serve("--http", "127.0.0.1:0", "--mllp", "127.0.0.1:0", "--dicom", "127.0.0.1:0", folder=hub.folder)
        assert second.returncode == 2
        assert str(hub.pid) in second.stderr
        assert second.stderr.count("\n") == 1
    finally:
        hub.stop()


def test_beyond_loopback_without_tls_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for door in ("--http", "--mllp", "--dicom"):
        refused = _serve(door, "0.0.0.0:0", folder=tmp_path / "data")
        assert refused.returncode == 2
        assert "CERTIFICATE" in refused.stderr


def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = _serve("--http", place, folder=tmp_path / "data")
    assert refused.returncode == 2
    assert place in refused.stderr


def test_wrong_arguments_and_settings_end_with_two_and_one_sentence(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path / "data", HUB_DICOM__QUIET_SECONDS="never")
    misspelt = RunningHub(tmp_path / "data", HUB_DICOM__QUIET_SECOND="5")
    for said in (
        hub.run("serve", "--http", "nonsense"),
        hub.run("check"),
        hub.run("client", "add", "x"),
        misspelt.run("check"),
        _serve("--mllp", "127.0.0.1:99999", folder=tmp_path / "data"),
    ):
        assert said.returncode == 2
        assert said.stderr.strip().count("\n") == 0


def test_a_drain_answers_what_is_in_flight_and_ends_with_zero(hub: RunningHub) -> None:
    """Senders go on while the hub is told to stop: what was answered AA is there afterwards."""
    acknowledged: list[str] = []
    stop = threading.Event()

    def send(lane: int) -> None:
        number = 0
        while not stop.is_set():
            key = f"D{lane}-{number}"
            message = (
                f"MSH|^~\\&|HIS|QS001|HUB|C|20261122083000||ADT^A04|{key}|P|2.5.1||||||UNICODE UTF-8\r"
                f"PID|1||{key}^^^QS001^PI||测试||19700101|F\r"
            ).encode()
            try:
                if msa(hub.send_hl7(message, timeout=10)[0]) == "AA":
                    acknowledged.append(key)
            except (OSError, AssertionError, StopIteration):
                return
            number += 1

    lanes = [threading.Thread(target=send, args=(lane,)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    wait_for(lambda: len(acknowledged) > 40)
    before = time.monotonic()
    assert hub.terminate() == 0
    assert time.monotonic() - before < 30
    stop.set()
    for lane in lanes:
        lane.join()
    hub.start()
    with hub.session("qingshan") as clinic:
        for key in acknowledged[-20:]:
            found = clinic.get("/fhir/Patient", params={"identifier": f"|{key}", "_summary": "count"}).json()
            found = found if found.get("total") else clinic.get("/fhir/Patient", params={"identifier": key}).json()
            assert found.get("total") == 1 or len(found.get("entry", [])) == 1


def test_head_is_get_without_content_at_every_door(hub: RunningHub) -> None:
    with hub.session("qingshan") as clinic:
        for path in ("/", "/health/live", "/quarantine", "/cds-services", "/dicom-web/studies", "/fhir/Patient"):
            asked, looked = clinic.get(path), clinic.head(path)
            assert (looked.status_code, looked.content) == (asked.status_code, b"")
            assert looked.headers.get("content-type") == asked.headers.get("content-type")


def test_a_child_that_dies_is_started_again_and_no_door_closes(hub: RunningHub) -> None:
    kept = Path(f"/proc/{hub.pid}/task/{hub.pid}/children").read_text(encoding="ascii")
    children = [int(pid) for pid in kept.split()]
    assert len(children) == 4
    os.kill(children[0], signal.SIGKILL)
    with hub.session("hospital") as physician:
        assert wait_for(lambda: physician.get("/health/live").status_code == 200)
    assert hub.pid


def test_a_client_added_while_the_hub_runs_counts_at_once_and_a_removed_one_is_shut_out(hub: RunningHub) -> None:
    token = hub.register("late", "clinic", "late-clinic")
    with hub.session("late") as late:
        assert late.get("/fhir/Patient").status_code == 200
        assert hub.run("client", "remove", "late", "--data-dir", str(hub.folder)).returncode == 0
        assert wait_for(lambda: late.get("/fhir/Patient").status_code == 401, seconds=5)
    assert token.startswith("hub_")


def test_check_and_verify_speak_beside_a_running_hub(hub: RunningHub) -> None:
    checked = hub.run("check", "--data-dir", str(hub.folder))
    assert f"Running: pid {hub.pid}" in checked.stdout
    assert '"quiet_seconds": 1.0' in checked.stdout
    verified = hub.run("verify", "--data-dir", str(hub.folder))
    assert verified.returncode == 0, verified.stdout
    assert hub.run("verify", "--data-dir", str(hub.folder / "elsewhere")).returncode == 2


def test_settings_are_read_from_the_folder_that_the_environment_names(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "settings.toml").write_text('[dicom]\nae_title = "COUNTY"\nquiet_seconds = 7\n', encoding="utf-8")
    checked = RunningHub(tmp_path / "unused", HUB_DATA_DIR=str(folder)).run("check")
    assert '"ae_title": "COUNTY"' in checked.stdout
    assert '"quiet_seconds": 1.0' in checked.stdout  # the environment stands above the file
