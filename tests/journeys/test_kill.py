"""Nothing acknowledged is ever lost: a mixed load, the whole process tree killed twenty times."""

import base64
import json
import random
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.running_hub import RunningHub, msa

KILLS = 20


class Ledger:
    """What each sender was told, kept outside the hub."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.messages: set[str] = set()
        self.bundles: set[str] = set()
        self.instances: dict[str, bytes] = {}
        self.surprises: list[str] = []

    def note(self, kept: set[str], key: str) -> None:
        with self.lock:
            kept.add(key)


def _send_messages(hub: RunningHub, ledger: Ledger) -> None:
    number = 0
    while not ledger.stop.is_set():
        key = f"K{number}"
        message = (
            f"MSH|^~\\&|LIS|QS001|HUB|C|20261122093000||ORU^R01|{key}|P|2.4||||||UNICODE UTF-8\r"
            f"PID|1||P{number % 50}^^^QS001^PI||测试{number % 50}||19700101|F\r"
            f"OBR|1||F{key}|CBC^血常规^L|||20261122080000\rOBX|1|NM|WBC^白细胞^L||6.50|10*9/L|||||F\r"
        ).encode()
        try:
            answer = msa(hub.send_hl7(message, timeout=10)[0])
        except (OSError, AssertionError, StopIteration):
            time.sleep(0.02)
            continue  # no answer: the same message again
        if answer == "AA":
            ledger.note(ledger.messages, key)
            number += 1
        elif answer != "AR":
            ledger.surprises.append(f"{key}: {answer}")
            number += 1


def _send_bundles(hub: RunningHub, ledger: Ledger) -> None:
    while not ledger.stop.is_set():
        key = uuid.uuid4().hex
        patient = f"urn:uuid:{uuid.uuid4()}"
        identifier = [{"system": "urn:kill:key", "value": key}]
        body = json.dumps({
            "resourceType": "Bundle", "type": "transaction", "entry": [
                {"fullUrl": patient, "resource": {"resourceType": "Patient", "identifier": identifier},
                 "request": {"method": "POST", "url": "Patient"}},
                *({"resource": {"resourceType": "Observation", "status": "final", "identifier": identifier,
                                "code": {"text": "脉搏"}, "subject": {"reference": patient}},
                   "request": {"method": "POST", "url": "Observation"}} for _ in range(5)),
            ],
        }).encode()  # fmt: skip
        headers = {
            "Authorization": f"Bearer {hub.clients['baihe']['token']}",
            "Content-Type": "application/fhir+json", "Idempotency-Key": key,
        }  # fmt: skip
        while not ledger.stop.is_set():
            try:
                answer = httpx.post(f"{hub.http}/fhir", content=body, headers=headers, timeout=10)
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                ledger.note(ledger.bundles, key)
            elif answer.status_code not in (429, 503):
                ledger.surprises.append(f"bundle: {answer.status_code} {answer.text[:200]}")
            break


def _send_images(hub: RunningHub, ledger: Ledger) -> None:
    """Reads what the sender's process was told, until its output ends."""
    host, port = str(hub.doors["dicom"]).rsplit(":", 1)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.image_sender", host, port, "QINGSHAN"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as sender:  # fmt: skip
        threading.Thread(target=lambda: (ledger.stop.wait(), sender.terminate()), daemon=True).start()
        for line in sender.stdout or ():
            told = json.loads(line)
            if told["status"] == 0:
                with ledger.lock:
                    ledger.instances[told["uid"]] = base64.b64decode(told["pixels"])
            elif told["status"] != 0xA700:
                ledger.surprises.append(f"C-STORE {told['status']:04x}")


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    hub = RunningHub(tmp_path / "data")
    try:
        hub.start()
        hub.register("qingshan", "clinic", "qingshan", "--facility", "QS001", "--ae-title", "QINGSHAN")
        hub.register("baihe", "clinic", "baihe")
        ledger = _killed_under_load(hub)
        assert ledger.surprises == []
        assert min(len(ledger.messages), len(ledger.bundles), len(ledger.instances)) > KILLS
        _compare(hub, ledger)
        assert hub.terminate() == 0
        checked = hub.run("verify", "--data-dir", str(hub.folder))
        assert checked.returncode == 0, checked.stdout + checked.stderr
    finally:
        hub.stop()


def _killed_under_load(hub: RunningHub) -> Ledger:
    ledger = Ledger()
    senders = [
        threading.Thread(target=run, args=(hub, ledger)) for run in (_send_messages, _send_bundles, _send_images)
    ]
    chance = random.Random(20)
    try:
        for sender in senders:
            sender.start()
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 1.2))
            hub.kill()
            hub.start()
        time.sleep(0.5)
    finally:
        ledger.stop.set()
        for sender in senders:
            sender.join(timeout=30)
    return ledger


def _compare(hub: RunningHub, ledger: Ledger) -> None:
    with hub.session("qingshan") as qingshan:
        reports = _everything(qingshan, "/fhir/DiagnosticReport?_count=1000")
        found = [i["value"] for r in reports for i in r.get("identifier", []) if i["value"].startswith("FK")]
        assert {f"F{key}" for key in ledger.messages} <= set(found)
        assert len(found) == len(set(found))
        for uid, pixels in ledger.instances.items():
            listed = qingshan.get("/dicom-web/instances", params={"SOPInstanceUID": uid}).json()
            assert len(listed) == 1
            at = "/dicom-web/studies/{}/series/{}/instances/{}".format(
                *(listed[0][tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
            )
            got = qingshan.get(at, headers={"Accept": 'multipart/related; type="application/dicom"'})
            assert pixels in got.content
    with hub.session("baihe") as baihe:
        patients = [p["identifier"][0]["value"] for p in _everything(baihe, "/fhir/Patient?_count=1000")]
        observations = [o["identifier"][0]["value"] for o in _everything(baihe, "/fhir/Observation?_count=1000")]
        assert ledger.bundles <= set(patients)
        assert len(patients) == len(set(patients))
        assert len(observations) == 5 * len(patients)  # whole bundles or nothing


def _everything(session: httpx.Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        page = session.get(url).json()
        found += [e["resource"] for e in page.get("entry", []) if e.get("search", {}).get("mode") == "match"]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return found
