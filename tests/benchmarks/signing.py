"""order-sign at two sizes of the store, at rest, while others send, and as many as two cores can take.

``HUB_BENCH_SIZES=100000,2000000`` sets the sizes (resources that stand in the store, loaded through the write path).
Load average before each part is told: on a machine that does other work, compare the ratios.
"""

import json
import multiprocessing
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.clock import Line, milliseconds, percentile
from tests.benchmarks.duplicates import NAMES, history
from tests.benchmarks.population import bundles
from tests.journeys.running_hub import RunningHub

SIGN = "/cds-services/duplicate-examination-sign"
FEW, MANY = 200, 3000
PEOPLE = 60
"""Patients with ``FEW`` priors each, so that no answer is for the same person as the one before."""
VISITS, A_PATIENT = 8, 225
LOADERS = 3
THROUGHPUT_SECONDS = 10.0

Row = tuple[str, str, str]


def run(folder: Path, small: bool) -> Iterator[Row]:
    sizes = [int(text) for text in os.environ.get("HUB_BENCH_SIZES", "100000,400000").split(",")]
    sizes = [size // 10 for size in sizes] if small else sizes
    hub = RunningHub(folder / "data").start(workers=2)
    try:
        clinic = hub.register("clinic", "clinic", "clinic")
        physician = hub.register("physician", "physician", "hospital")
        line = Line(hub.http, clinic)
        people = [history(line, FEW) for _ in range(PEOPLE // 6 if small else PEOPLE)]
        burdened = [history(line, MANY) for _ in range(2 if small else 6)]
        stored = (len(people)) * FEW + len(burdened) * MANY
        first: dict[str, float] = {}
        for number, size in enumerate(sizes):
            began = time.perf_counter()
            load(hub.http, clinic, max(0, size - stored), seed=number)
            rate = max(0, size - stored) / (time.perf_counter() - began)
            stored = max(size, stored)
            named = f"{stored:,} resources"
            yield f"loaded to {named}", f"{rate:,.0f} resources/s", f"load average now {os.getloadavg()[0]:.1f}"
            time.sleep(3)
            for what, patients, drafts, count, target in (
                ("1 draft, 200 priors", people, 1, 600, 10),
                ("10 drafts, 3,000 priors", burdened, 10, 200, 60),
            ):
                took = sign(hub.http, physician, patients, drafts, count // 4 if small else count)
                median = sorted(took)[len(took) // 2]
                ratio = f", {median / first[what]:.2f} × the first size (target ≤ 1.2)" if what in first else ""
                first.setdefault(what, median)
                yield f"{what}, {named}", f"p50 / p99 {milliseconds(took)}{ratio}", f"target p99 ≤ {target} ms"
        with Sending(hub.http, clinic) as sending:
            took = sign(hub.http, physician, people, 1, 100 if small else 400)
            yield (
                f"1 draft, 200 priors, while a clinic sends {sending.rate():,.0f} resources/s",
                f"p50 / p99 {milliseconds(took)}",
                "target p99 ≤ 60 ms",
            )
        rate, took = throughput(hub.http, physician, people, 2.0 if small else THROUGHPUT_SECONDS)
        yield (
            "signings, 2 workers, 2 clients of 4 lines",
            f"{rate:,.0f}/s, p99 {percentile(took, 0.99) * 1e3:.0f} ms",
            (f"target ≥ 500/s; load average now {os.getloadavg()[0]:.1f}"),
        )
    finally:
        hub.stop()


def call(patient: str, drafts: int, at: int) -> bytes:
    entries = [
        {"resource": {
            "resourceType": "ServiceRequest", "id": f"d{number}", "status": "draft", "intent": "order",
            "subject": {"reference": f"Patient/{patient}"}, "code": {"text": NAMES[(at + number) % len(NAMES)]},
        }}
        for number in range(drafts)
    ]  # fmt: skip
    context = {
        "userId": "Practitioner/bench",
        "patientId": patient,
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries},
    }
    return json.dumps({"hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": context}).encode()


def sign(http: str, token: str, patients: Sequence[str], drafts: int, count: int) -> list[float]:
    """Seconds of each signing, one after the other; the first tenth is not counted."""
    line, took = Line(http, token), []
    for number in range(count + count // 10):
        body = call(patients[number % len(patients)], drafts, number)
        began = time.perf_counter()
        status, answer = line.ask("POST", SIGN, body, Content_Type="application/json")
        took.append(time.perf_counter() - began)
        assert status == 200, answer[:300]
        assert b"not-checked" not in answer, "the history was read in time"
    line.close()
    return took[count // 10 :]


def in_processes(work: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run ``work`` in a process for each of the arguments: clients must not share an interpreter with one another."""
    with multiprocessing.get_context("fork").Pool(len(arguments)) as pool:
        return pool.starmap(work, arguments)


def load(http: str, token: str, resources: int, seed: int) -> None:
    patients = resources // A_PATIENT // LOADERS
    in_processes(_send, [(http, token, patients, 1000 * (seed + 1) + number) for number in range(LOADERS)])


def _send(http: str, token: str, patients: int, seed: int) -> None:
    line = Line(http, token)
    for body, _ in bundles(patients, seed=seed, visits=VISITS):
        status, answer = line.ask("POST", "/fhir", body, Prefer="return=minimal")
        assert status == 200, answer[:500]


class Sending:
    """A clinic that sends without a pause, in a process of its own, for as long as the block runs."""

    def __init__(self, http: str, token: str) -> None:
        context = multiprocessing.get_context("fork")
        self._sent = context.Value("l", 0)
        self._process = context.Process(target=_keep_sending, args=(http, token, self._sent), daemon=True)

    def __enter__(self) -> "Sending":
        self._process.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def rate(self) -> float:
        """Resources a second, watched for two seconds."""
        before = self._sent.value
        time.sleep(2)
        return float(self._sent.value - before) / 2


def _keep_sending(http: str, token: str, sent: Any) -> None:
    line = Line(http, token)
    for body, count in bundles(1_000_000, seed=99, visits=VISITS):
        line.ask("POST", "/fhir", body, Prefer="return=minimal")
        sent.value += count


def throughput(http: str, token: str, patients: Sequence[str], seconds: float) -> tuple[float, list[float]]:
    found = in_processes(_sign_on, [(http, token, list(patients), seconds, number) for number in range(2)])
    took = [one for each in found for one in each]
    return len(took) / seconds, took


def _sign_on(http: str, token: str, patients: list[str], seconds: float, number: int) -> list[float]:
    from concurrent.futures import ThreadPoolExecutor

    until = time.monotonic() + seconds

    def one(lane: int) -> list[float]:
        line, took, at = Line(http, token), [], lane * 7 + number * 31
        while time.monotonic() < until:
            body = call(patients[at % len(patients)], 1, at)
            began = time.perf_counter()
            status, answer = line.ask("POST", SIGN, body, Content_Type="application/json")
            assert status == 200, answer[:300]
            took.append(time.perf_counter() - began)
            at += 1
        return took

    with ThreadPoolExecutor(4) as pool:
        return [one for lane in pool.map(one, range(4)) for one in lane]
