"""Two clinics that sign and order the same for one person at the same moment: how often nobody was told."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from tests.benchmarks.clock import Line
from tests.benchmarks.duplicates import NAMES, _call
from tests.journeys.running_hub import RunningHub

ROUNDS = 1000


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    hub = RunningHub(folder / "data").start(workers=2)
    rounds = ROUNDS // 10 if small else ROUNDS
    try:
        clinic = Line(hub.http, hub.register("clinic", "clinic", "clinic"))
        lines = [Line(hub.http, hub.register(name, "physician", name)) for name in ("one", "two")]
        told = 0
        with ThreadPoolExecutor(2) as together:
            for turn in range(rounds):
                patient, start = _new_patient(clinic), Barrier(2)
                signed = [together.submit(_sign_and_order, line, start, patient, turn) for line in lines]
                heard = [one.result() for one in signed]
                told += any(heard)
        yield "two clinics order at the same moment", f"{told} of {rounds} times one was told", "every time"
    finally:
        hub.stop()


def _new_patient(clinic: Line) -> str:
    status, answer = clinic.ask("POST", "/fhir/Patient", b'{"resourceType":"Patient","birthDate":"1961-03-04"}')
    assert status == 201, answer
    return str(json.loads(answer)["id"])


def _sign_and_order(line: Line, start: Barrier, patient: str, turn: int) -> bool:
    """Whether a card was shown, or the order brought an issue."""
    name = NAMES[turn % len(NAMES)]
    call = json.dumps(_call(patient, name)).encode()
    order = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": name},
        "subject": {"reference": f"Patient/{patient}"},
    }  # fmt: skip
    start.wait(60)
    status, answer = line.ask("POST", "/cds-services/duplicate-examination-sign", call, Content_Type="application/json")
    assert status == 200, answer
    card = bool(json.loads(answer)["cards"])
    status, answer = line.ask("POST", "/fhir/ServiceRequest", json.dumps(order).encode())
    assert status == 201, answer
    number = json.loads(answer)["id"]
    status, answer = line.ask("GET", f"/fhir/DetectedIssue?implicated=ServiceRequest/{number}&_summary=count")
    assert status == 200, answer
    return card or json.loads(answer)["total"] > 0
