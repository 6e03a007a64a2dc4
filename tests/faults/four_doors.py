"""The doors that must not wait for the search index, each asked without a pause by a thread of its own."""

import json
import statistics
import threading
import time
import uuid
from collections.abc import Callable

import httpx

from tests.journeys.running_hub import RunningHub

INGEST, READS, CHECKS, MLLP = "ingest", "reads by id and patient", "duplicate check", "MLLP acknowledgements"


class FourDoors:
    """``round`` counts what each door answers; whatever is no good answer is kept in ``failures``."""

    def __init__(self, hub: RunningHub) -> None:
        hub.register("four-clinic", "clinic", "four", "--facility", "FOUR")
        hub.register("four-physician", "physician", "four")
        self._hub = hub
        self._sent = 0
        self.failures: list[str] = []
        self.rates: dict[bool, dict[str, list[float]]] = {False: {}, True: {}}
        with hub.session("four-clinic") as clinic:
            self._patient = clinic.post("/fhir/Patient", json={"resourceType": "Patient"}).json()["id"]
            clinic.post("/fhir", json=_transaction(self._patient)).raise_for_status()

    def round(self, seconds: float, *, fault: bool) -> None:
        end = time.monotonic() + seconds
        jobs = {INGEST: self._ingest, READS: self._read, CHECKS: self._check, MLLP: self._acknowledged}
        counted = dict.fromkeys(jobs, 0)

        def run(door: str, ask: Callable[[httpx.Client], bool]) -> None:
            client = "four-physician" if door == CHECKS else "four-clinic"
            with self._hub.session(client) as session:
                while time.monotonic() < end:
                    try:
                        if not ask(session):
                            self.failures.append(door)
                    except (httpx.HTTPError, OSError) as failure:
                        self.failures.append(f"{door}: {type(failure).__name__}")
                    counted[door] += 1

        threads = [threading.Thread(target=run, args=job) for job in jobs.items()]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        for door, count in counted.items():
            self.rates[fault].setdefault(door, []).append(count / seconds)

    def ratios(self) -> dict[str, float]:
        """Speed with the fault by speed without it: medians of the rounds."""
        usual, faulty = self.rates[False], self.rates[True]
        return {door: statistics.median(faulty[door]) / statistics.median(usual[door]) for door in usual}

    def _ingest(self, session: httpx.Client) -> bool:
        return session.post("/fhir", json=_transaction(self._patient)).status_code == 200

    def _read(self, session: httpx.Client) -> bool:
        read = session.get(f"/fhir/Patient/{self._patient}")
        found = session.get(f"/fhir/Observation?patient={self._patient}&_count=10")
        return read.status_code == found.status_code == 200 and len(found.json()["entry"]) >= 10

    def _check(self, session: httpx.Client) -> bool:
        answer = session.post("/cds-services/duplicate-examination-sign", json=_call(self._patient))
        return answer.status_code == 200

    def _acknowledged(self, session: httpx.Client) -> bool:
        self._sent += 10
        answers = self._hub.send_hl7(*(_adt(self._sent + number) for number in range(10)))
        return all(b"\rMSA|AA|" in one for one in answers)


def _transaction(patient: str) -> dict[str, object]:
    entries = [
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": {
                "resourceType": "Observation", "status": "final", "code": {"text": f"检验{number}"},
                "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": "2026-03-01",
            },
        }
        for number in range(20)
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _call(patient: str) -> dict[str, object]:
    draft = {
        "resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order",
        "subject": {"reference": f"Patient/{patient}"}, "code": {"text": "胸部CT平扫"},
    }  # fmt: skip
    orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
    context = {"userId": "Practitioner/four", "patientId": patient, "draftOrders": orders}
    return json.loads(json.dumps({"hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": context}))


def _adt(number: int) -> bytes:
    return (
        f"MSH|^~\\&|HIS|FOUR|HUB|C|20261122083000+0800||ADT^A04^ADT_A01|F{number}|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8\r"
        f"EVN|A04|20261122083000\rPID|1||F{number}^^^FOUR^PI||测试{number}^^^^^^L||19700101|F\r"
        f"PV1|1|O|内科门诊^^^FOUR\r"
    ).encode()
