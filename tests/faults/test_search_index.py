"""The search servers are killed, wiped and frozen under load: the hub goes on, and the index repairs itself."""

import shutil
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.four_doors import FourDoors
from tests.journeys.running_hub import RunningHub
from tests.servers.elasticsearch import ElasticsearchServer, cluster, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a server")

FROZEN_SECONDS = 120.0
ROUNDS, ROUND_SECONDS = 5, 12.0


class Load:
    """Patients sent and searched for without a pause; every failure is kept."""

    def __init__(self, hub: RunningHub) -> None:
        self._hub = hub
        self._stop = threading.Event()
        self.sent: list[float] = []
        self.searched: list[float] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._search)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def rate(self, seconds: float) -> float:
        """Writes a second from now on."""
        before = len(self.sent)
        time.sleep(seconds)
        return (len(self.sent) - before) / seconds

    def _send(self) -> None:
        with self._hub.session("qingshan") as clinic:
            while not self._stop.is_set():
                self._one(clinic.post, "/fhir/Patient", self.sent, json=_patient(len(self.sent)))

    def _search(self) -> None:
        with self._hub.session("qingshan") as clinic:
            while not self._stop.is_set():
                self._one(clinic.get, "/fhir/Patient?name=王&_count=5", self.searched)
                time.sleep(0.05)

    def _one(self, ask: object, path: str, took: list[float], **more: object) -> None:
        started = time.monotonic()
        try:
            answer: httpx.Response = ask(path, **more)  # type: ignore[operator]
        except httpx.HTTPError as failure:
            self.failures.append(f"{path}: {type(failure).__name__}")
            return
        took.append(time.monotonic() - started)
        if answer.status_code >= 400:
            self.failures.append(f"{path}: {answer.status_code} {answer.text[:200]}")
        elif path.startswith("/fhir/Patient?") and self.sent and not answer.json().get("entry"):
            self.failures.append("an empty answer without a word")


def _patient(number: int) -> dict[str, object]:
    return {"resourceType": "Patient", "name": [{"text": f"王{number}"}]}


def _hub(folder: Path, *urls: str, **more: str) -> RunningHub:
    hub = RunningHub(folder / "data", HUB_SEARCH__ELASTICSEARCH_URL=",".join(urls), **more).start()
    hub.register("qingshan", "clinic", "qingshan")
    with hub.session("qingshan") as clinic:
        clinic.post("/fhir/Patient", json=_patient(0))
    _until_ready(hub)
    return hub


def _until_ready(hub: RunningHub, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        told = hub.run("index", "status", "--data-dir", str(hub.folder))
        if told.returncode == 0 and "behind: 0 " in told.stdout:
            return
        time.sleep(0.5)
    raise AssertionError(f"the index did not recover: {told.stdout}\n{hub.log()[-2000:]}")


def _whole(hub: RunningHub) -> None:
    _until_ready(hub)
    compared = hub.run("index", "verify", "--all", "--data-dir", str(hub.folder))
    assert compared.returncode == 0, compared.stdout + compared.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ElasticsearchServer]:
    made = ElasticsearchServer(tmp_path / "es").start()
    yield made
    made.remove()


@pytest.mark.parametrize("wiped", [False, True])
def test_a_server_is_killed_under_load_and_comes_back(tmp_path: Path, server: ElasticsearchServer, wiped: bool) -> None:
    hub = _hub(tmp_path, server.url)
    try:
        with Load(hub) as load:
            usual = load.rate(5)
            server.kill()
            meanwhile = load.rate(10)
            if wiped:
                shutil.rmtree(server.folder / "data")
            server.start()
            time.sleep(5)
        print(f"writes/s: {usual:.0f} before, {meanwhile:.0f} while it was away")
        assert load.failures == []
        _whole(hub)
    finally:
        hub.stop()


def test_a_server_is_frozen_for_two_minutes(tmp_path: Path, server: ElasticsearchServer) -> None:
    hub = _hub(tmp_path, server.url)
    try:
        with Load(hub) as load:
            usual = load.rate(5)
            server.signal(signal.SIGSTOP)
            searched = len(load.searched)
            meanwhile = load.rate(FROZEN_SECONDS)
            slowest = max(load.searched[searched:])
            server.signal(signal.SIGCONT)
            time.sleep(5)
        print(f"writes/s: {usual:.0f} before, {meanwhile:.0f} while frozen; slowest search {slowest:.2f} s")
        assert load.failures == []
        assert slowest < 10
        _whole(hub)
    finally:
        hub.stop()


def test_nothing_that_matters_waits_for_a_frozen_server(tmp_path: Path, server: ElasticsearchServer) -> None:
    """Frozen and not, in turn: the machine may have more to do in one minute than in the next."""
    hub = _hub(tmp_path, server.url)
    try:
        doors = FourDoors(hub)
        doors.round(3, fault=False)
        doors.rates[False].clear()
        for _ in range(ROUNDS):
            _until_ready(hub)
            doors.round(ROUND_SECONDS, fault=False)
            _until_ready(hub)
            server.signal(signal.SIGSTOP)
            time.sleep(1)
            doors.round(ROUND_SECONDS, fault=True)
            server.signal(signal.SIGCONT)
        for door, ratio in doors.ratios().items():
            usual, faulty = (statistics.median(doors.rates[fault][door]) for fault in (False, True))
            print(f"{door}: {usual:.0f}/s, {faulty:.0f}/s while frozen, ratio {ratio:.2f} (target ≥ 0.9)")
        assert doors.failures == []
        _whole(hub)
    finally:
        server.signal(signal.SIGCONT)
        hub.stop()


def test_one_of_three_nodes_is_killed_under_load(tmp_path: Path) -> None:
    nodes = cluster(tmp_path / "es", 3)
    hub = _hub(tmp_path, *(one.url for one in nodes), HUB_SEARCH__REPLICAS="1", HUB_SEARCH__SHARDS="2")
    try:
        nodes[0].get("/_cluster/health?wait_for_status=green&timeout=60s")
        with Load(hub) as load:
            time.sleep(5)
            nodes[1].kill()
            time.sleep(20)
        assert load.failures == []
        _whole(hub)
    finally:
        hub.stop()
        for one in nodes:
            one.remove()
