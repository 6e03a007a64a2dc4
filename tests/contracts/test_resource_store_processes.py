"""What every ResourceStore promises when several processes write one folder, and when one of them is killed."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import ExchangeError
from tests.contracts.resource_stores import County, create, observation, opened, patient, submission, update

FORK = multiprocessing.get_context("fork")
HIS = "https://example.org/his"


def in_processes(count: int, run: Callable[[int], Any]) -> list[Any]:
    """What ``run(number)`` gives in each of ``count`` forked processes that start together."""
    results: multiprocessing.Queue[Any] = FORK.Queue()
    start = FORK.Barrier(count)

    def child(number: int) -> None:
        start.wait(30)
        try:
            results.put(run(number))
        except BaseException as error:
            results.put(repr(error))
            raise

    children = [FORK.Process(target=child, args=(number,)) for number in range(count)]
    for one in children:
        one.start()
    gathered = [results.get(timeout=60) for _ in children]
    for one in children:
        one.join(30)
    return gathered


def test_a_store_made_before_a_fork_is_used_by_every_child(backend: str, tmp_path: Path) -> None:
    county = County(opened(backend, tmp_path))
    first = county.create(patient("0"))

    def run(number: int) -> list[str]:
        assert county.read(first.reference)["id"] == first.id
        made = [county.create(patient(f"{number}-{n}")).id for n in range(20)]
        county.store.close()
        return made

    made = [one for ids in in_processes(3, run) for one in ids]
    assert len(set(made)) == 60
    assert county.total("Patient?") == 61
    changes = county.store.changes_since(0, 100)
    assert [one.sequence for one in changes] == list(range(1, 62))
    assert [one.at for one in changes] == sorted(one.at for one in changes)
    assert county.verified() == []
    county.store.close()


def test_conditional_creates_of_several_processes_give_one_resource(backend: str, tmp_path: Path) -> None:
    def run(number: int) -> list[str]:
        county = County(opened(backend, tmp_path))
        prepared = [
            county.store.prepare(submission(create(patient("5"), condition=f"identifier={HIS}|5"))) for _ in range(32)
        ]
        ids = [future.result(60).outcomes[0].id for future in [county.store.submit(one) for one in prepared]]
        county.store.close()
        return ids

    ids = [one for found in in_processes(2, run) for one in found]
    assert len(ids) == 64
    assert len(set(ids)) == 1
    county = County(opened(backend, tmp_path))
    assert county.total("Patient?") == 1
    assert county.verified() == []
    county.store.close()


def test_the_same_key_from_several_processes_is_one_submission(backend: str, tmp_path: Path) -> None:
    def run(number: int) -> list[tuple[str, str]]:
        county = County(opened(backend, tmp_path))
        receipts = [county.submit(create(patient("5")), create(observation()), key="k") for _ in range(50)]
        county.store.close()
        return [(receipt.submission, receipt.outcomes[0].id) for receipt in receipts]

    answers = [one for found in in_processes(2, run) for one in found]
    assert len(answers) == 100
    assert len(set(answers)) == 1
    county = County(opened(backend, tmp_path))
    assert (county.total("Patient?"), county.total("Observation?")) == (1, 1)
    county.store.close()


def test_updates_of_several_processes_lose_no_version(backend: str, tmp_path: Path) -> None:
    def run(number: int) -> int:
        county = County(opened(backend, tmp_path))
        for n in range(25):
            county.one(update(patient(id="P1", name=[{"text": f"{number} {n}"}])))
        county.store.close()
        return 25

    assert in_processes(2, run) == [25, 25]
    county = County(opened(backend, tmp_path))
    assert county.read("Patient/P1")["meta"]["versionId"] == "50"
    versions = county.store.history("Patient", "P1", EVERYTHING, count=100)
    assert [one.version for one in versions] == list(range(50, 0, -1))
    assert len({one.body for one in versions}) == 50
    assert county.verified() == []
    county.store.close()


def test_a_claim_is_won_once(backend: str, tmp_path: Path) -> None:
    first = County(opened(backend, tmp_path))
    first.one(update(patient(id="P1")))
    first.store.close()

    def run(number: int) -> int:
        county = County(opened(backend, tmp_path))
        try:
            return county.one(update(patient(id="P1", name=[{"text": str(number)}]), if_match='W/"1"')).version
        except ExchangeError as lost:
            return lost.http_status
        finally:
            county.store.close()

    assert sorted(in_processes(6, run)) == [2] + [412] * 5


def _write_for_ever(backend: str, folder: Path, acknowledged: Connection) -> None:
    county = County(opened(backend, folder))
    number = 0
    while True:
        waiting = []
        for _ in range(5):
            number += 1
            entries = (update(patient(id=f"p{number}")), update(observation(f"Patient/p{number}", id=f"o{number}")))
            waiting.append((number, county.store.submit(county.store.prepare(submission(*entries)))))
        for sent, future in waiting:
            future.result(60)
            acknowledged.send(sent)


@pytest.mark.parametrize("milliseconds", [300, 450, 600])
def test_what_was_acknowledged_before_a_kill_is_there_and_nothing_by_halves(
    backend: str, tmp_path: Path, milliseconds: int
) -> None:
    heard, said = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_write_for_ever, args=(backend, tmp_path, said))
    child.start()
    said.close()
    assert heard.poll(30)
    time.sleep(milliseconds / 1000)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(30)
    acknowledged = []
    while True:
        try:
            acknowledged.append(heard.recv())
        except EOFError:
            break
    assert acknowledged
    county = County(opened(backend, tmp_path))
    stored = {int(one[1:]) for one in county.ids("Patient?_count=1000")}
    assert set(acknowledged) <= stored
    assert {int(one[1:]) for one in county.ids("Observation?_count=1000")} == stored
    for number in stored:
        body = msgspec.json.decode(county.store.read("Observation", f"o{number}", EVERYTHING).body)
        assert body["subject"]["reference"] == f"Patient/p{number}"
    assert county.verified() == []
    assert county.create(patient("after")).status == 201
    county.store.close()
