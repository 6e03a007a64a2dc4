"""order-sign for a patient with 3,000 priors, over HTTP."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hub.contracts.site import ZONE
from tests.benchmarks.clock import Line, milliseconds
from tests.journeys.running_hub import RunningHub

PRIORS = 3000
NAMES = (
    "胸部CT平扫",
    "头颅MRI平扫",
    "腹部彩超",
    "心电图",
    "血常规",
    "肝功能",
    "肾功能",
    "血脂",
    "甲状腺彩超",
    "右膝关节正侧位DR",
)
ORDERS = ("胸部CT平扫", "血常规", "腹部彩超", "心电图")


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    hub = RunningHub(folder / "data").start(workers=2)
    try:
        clinic = Line(hub.http, hub.register("clinic", "clinic", "clinic"))
        physician = Line(hub.http, hub.register("physician", "physician", "hospital"))
        patient = history(clinic, PRIORS // 10 if small else PRIORS)
        took = []
        for number in range(120 if small else 500):
            call = json.dumps(_call(patient, ORDERS[number % len(ORDERS)])).encode()
            started = time.perf_counter()
            status, answer = physician.ask(
                "POST", "/cds-services/duplicate-examination-sign", call, Content_Type="application/json"
            )
            seconds = time.perf_counter() - started
            assert status == 200, answer[:300]
            assert json.loads(answer)["cards"], "history says there is a duplicate"
            if number >= 20:
                took.append(seconds)
        yield "duplicate check, 1 draft, 3,000 priors", f"p50 / p99 {milliseconds(took)}", "target p99 ≤ 20 ms"
    finally:
        hub.stop()


def history(clinic: Line, count: int) -> str:
    """A patient with so many reports, seven hours apart."""
    now = datetime.now(ZONE)
    status, answer = clinic.ask("POST", "/fhir/Patient", b'{"resourceType":"Patient","birthDate":"1961-03-04"}')
    assert status == 201, answer
    patient = str(json.loads(answer)["id"])
    for first in range(0, count, 300):
        entries = [
            {
                "request": {"method": "POST", "url": "DiagnosticReport"},
                "resource": {
                    "resourceType": "DiagnosticReport", "status": "final", "code": {"text": NAMES[number % len(NAMES)]},
                    "subject": {"reference": f"Patient/{patient}"}, "conclusion": "未见明显异常。",
                    "effectiveDateTime": (now - timedelta(hours=7 * number + 2)).isoformat(timespec="seconds"),
                },
            }
            for number in range(first, min(first + 300, count))
        ]  # fmt: skip
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        status, answer = clinic.ask("POST", "/fhir", json.dumps(bundle).encode())
        assert status == 200, answer[:500]
    return patient


def _call(patient: str, name: str) -> dict[str, object]:
    draft = {
        "resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"}, "code": {"text": name},
    }  # fmt: skip
    return {
        "hook": "order-sign", "hookInstance": str(uuid.uuid4()),
        "context": {
            "userId": "Practitioner/bench", "patientId": patient,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
    }  # fmt: skip
