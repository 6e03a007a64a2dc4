"""The matcher on made-up counties: pairs found and made up, by stratum, reviews, and what one record costs in a commit.

``IDENTITY_RECORDS`` sets how many records the first county has (200,000 where not set); the others have a quarter.
"""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.store import CommitView, Written
from hub.contracts.submission import Entry, Method
from hub.fhir.model import decode
from hub.identity.reaction import ROOM, IdentityReaction, Linker, derive
from hub.store.sqlite import SqliteResourceStore
from tests.benchmarks.clock import percentile
from tests.benchmarks.people import VARIANTS, County, Customs, Sample

HUB = Caller("hub", Role.SERVICE, "hub")
RECORDS_OF_A_HUMAN = 2.8
A_COMMIT = 250


@dataclass
class Result:
    """``right``, ``wrong`` and ``missed`` are pairs of records; by stratum: pairs with a record in it."""

    records: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    reviews: int = 0
    mixed: int = 0
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    strata: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wrong_pairs: list[tuple[Sample, Sample]] = field(default_factory=list)
    reviewed: Counter[str] = field(default_factory=Counter)

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    first = int(os.environ.get("IDENTITY_RECORDS", "200000")) // (10 if small else 1)
    for number, customs in enumerate(VARIANTS):
        result = measure(folder / str(number), first if number == 0 else first // 4, number + 1, customs)
        yield (
            f"identity, {customs.name}: {result.records:,} records",
            f"precision {result.precision:.5f} ({result.wrong} of {result.right + result.wrong:,} pairs wrong), "
            f"recall {result.recall:.4f}, reviews {result.reviews / result.records:.2%}, "
            f"persons of two numbers {result.mixed}",
            "≥ 0.9999, ≥ 0.98, ≤ 1 %, 0",
        )
        for what, took in (("by the clock", result.seconds), ("of the processor", result.cpu_seconds)):
            parts = " / ".join(f"{percentile(took, part) * 1e3:.2f}" for part in (0.5, 0.99, 0.9999))
            yield f"one record inside the commit, {what}", f"p50 / p99 / p99.99 {parts} ms", "p99 < 5 ms"
        for stratum, counted in sorted(result.strata.items()):
            found = counted["right"] / max(1, counted["right"] + counted["missed"])
            yield f"– {stratum}", f"recall {found:.4f}, wrong pairs {counted['wrong']}", f"{counted['records']} records"


def measure(folder: Path, records: int, seed: int, customs: Customs) -> Result:
    """Play one county into an empty store."""
    folder.mkdir(parents=True)
    samples = County(int(records / RECORDS_OF_A_HUMAN), seed, customs).records()
    store = SqliteResourceStore(folder, reactions=[IdentityReaction()])
    result = Result(len(samples))
    for start in range(0, len(samples), A_COMMIT):
        writes = [_written(one) for one in samples[start : start + A_COMMIT]]
        for wall, processor in store.act(lambda view, writes=writes: _write(view, writes), HUB).result():
            result.seconds.append(wall)
            result.cpu_seconds.append(processor)
    persons = dict(store.side_rows("SELECT patient_id, person_id FROM identity_link"))
    result.reviews = store.side_rows("SELECT count(*) FROM identity_review WHERE state <> 'obsolete'")[0][0]
    result.reviewed.update(
        dict(store.side_rows("SELECT rule, count(*) FROM identity_review WHERE state <> 'obsolete' GROUP BY rule"))
    )
    result.mixed = _persons_of_two_numbers(store)
    store.close()
    _count(samples, persons, result)
    return result


def _written(sample: Sample) -> Written:
    raw = msgspec.json.encode(sample.patient)
    resource = decode(raw, "Patient")
    id_ = sample.patient["id"]
    entry = Entry(Method.UPDATE, "Patient", raw, id=id_)
    return Written("Patient", id_, 1, raw, resource, "clinic", id_, entry, 1, 1,
                   derived={ROOM: derive("Patient", resource)})  # fmt: skip


def _write(view: CommitView, writes: list[Written]) -> list[tuple[float, float]]:
    """For each record how long it took, by the clock and of the processor."""
    linker, took = Linker(), []
    for one in writes:
        started, running = time.perf_counter(), time.thread_time()
        linker([one], view)
        took.append((time.perf_counter() - started, time.thread_time() - running))
    return took


def _persons_of_two_numbers(store: SqliteResourceStore) -> int:
    from hub.identity.judging import numbers_of
    from hub.identity.records import decode as decode_evidence

    numbers: dict[str, set[str]] = defaultdict(set)
    for person, evidence in store.side_rows("SELECT person_id, evidence FROM identity_link"):
        numbers[person] |= numbers_of(decode_evidence(evidence))
    return sum(len(held) > 1 for held in numbers.values())


def _count(samples: list[Sample], persons: dict[str, str], result: Result) -> None:
    by_human: dict[int, list[Sample]] = defaultdict(list)
    by_person: dict[str, list[Sample]] = defaultdict(list)
    for one in samples:
        by_human[one.human].append(one)
        by_person[persons[one.patient["id"]]].append(one)
        for stratum in one.strata:
            result.strata[stratum]["records"] += 1
    for group in by_human.values():
        for place, one in enumerate(group):
            for other in group[place + 1 :]:
                kind = "right" if persons[one.patient["id"]] == persons[other.patient["id"]] else "missed"
                _note(result, kind, one, other)
    for group in by_person.values():
        for place, one in enumerate(group):
            for other in group[place + 1 :]:
                if one.human != other.human:
                    _note(result, "wrong", one, other)
                    result.wrong_pairs.append((one, other))


def _note(result: Result, kind: str, one: Sample, other: Sample) -> None:
    setattr(result, kind, getattr(result, kind) + 1)
    for stratum in one.strata | other.strata:
        result.strata[stratum][kind] += 1
