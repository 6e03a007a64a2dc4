"""Transaction Bundles over HTTP, then reads and searches on what they left.

Yardstick of the ingest: the very rows it left, inserted by one bare SQLite connection with the same schema, pragmas
and ``synchronous=FULL``, 2,000 resources a commit, sorted as the hub sorts them.
"""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from tests.benchmarks.clock import Line, in_parallel, milliseconds
from tests.benchmarks.population import bundles
from tests.journeys.running_hub import RunningHub

CLIENTS = 4


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    patients = 45 if small else 450
    hub = RunningHub(folder / "data").start(workers=2)
    try:
        token = hub.register("bench", "clinic", "bench")
        work = list(bundles(patients))
        warm, timed = work[: patients // 10], work[patients // 10 :]
        _post(hub, token, warm)
        seconds, took = _post(hub, token, timed)
        rate = sum(count for _, count in timed) / seconds
        total = sum(count for _, count in work)
        hub.terminate()
        bare = _bare_sqlite(hub.folder / "hub.sqlite", folder / "bare.sqlite", total)
        yield (
            f"bundle ingest, {CLIENTS} clients, 2 workers, fsync",
            f"{rate:,.0f} resources/s; bundle of {timed[0][1]} p50 / p99 {milliseconds(took)}",
            f"bare SQLite, same rows: {bare:,.0f}/s, ratio {rate / bare:.2f}",
        )
        hub.start(workers=2)
        yield from _reads(hub, token, total)
    finally:
        hub.stop()


def _post(hub: RunningHub, token: str, work: list[tuple[bytes, int]]) -> tuple[float, list[float]]:
    lines = [Line(hub.http, token) for _ in range(CLIENTS)]

    def on(number: int):
        def post(item: tuple[bytes, int]) -> None:
            status, answer = lines[number].ask("POST", "/fhir", item[0], Prefer="return=minimal")
            assert status == 200, answer[:500]

        return post

    return in_parallel(work, CLIENTS, on)


def _bare_sqlite(source: Path, target: Path, resources: int) -> float:
    """Resources/s of inserting every row of ``source`` into a new file."""
    old = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    new = sqlite3.connect(target, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-131072", "wal_autocheckpoint=20000"):
        new.execute(f"PRAGMA {pragma}")
    for (ddl,) in old.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"):
        new.execute(ddl)
    tables = [
        name
        for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    ]
    batches: list[list[tuple[str, list[tuple[object, ...]]]]] = []
    rounds = max(1, resources // 2000)
    for name in tables:
        columns = [row[1] for row in old.execute(f"PRAGMA table_info({name})")]
        rows = old.execute(f"SELECT * FROM {name}").fetchall()
        place = columns.index("rid") if "rid" in columns else None
        if place is not None:
            rows.sort(key=lambda row: row[place])
        size = -(-len(rows) // rounds) or 1
        for number in range(rounds):
            part = sorted(rows[number * size : (number + 1) * size], key=lambda row: tuple(map(repr, row)))
            while len(batches) <= number:
                batches.append([])
            if part:
                batches[number].append((f"INSERT INTO {name} VALUES ({','.join('?' * len(columns))})", part))
    started = time.perf_counter()
    for batch in batches:
        new.execute("BEGIN IMMEDIATE")
        for statement, part in batch:
            new.executemany(statement, part)
        new.execute("COMMIT")
    seconds = time.perf_counter() - started
    new.close()
    old.close()
    return resources / seconds


def _reads(hub: RunningHub, token: str, total: int) -> Iterator[tuple[str, str, str]]:
    line, chance = Line(hub.http, token), random.Random(3)
    page = json.loads(line.ask("GET", "/fhir/Patient?_count=200")[1])
    patients = [entry["resource"]["id"] for entry in page["entry"]]
    codes = ("2345-7", "718-7", "2823-3", "14682-9")
    shapes = {
        "read by id": lambda: f"/fhir/Patient/{chance.choice(patients)}",
        "patient + code + date, sorted": lambda: (
            f"/fhir/Observation?patient={chance.choice(patients)}&code=http://loinc.org|{chance.choice(codes)}"
            "&date=ge2023-06-01&_sort=-date&_count=50"
        ),
        "patient, newest 50": lambda: f"/fhir/Observation?patient={chance.choice(patients)}&_sort=-date&_count=50",
        "name, two characters": lambda: f"/fhir/Patient?name={chance.choice('王李张刘陈')}{chance.choice('伟芳娜敏')}",
        "code, first page of 50": lambda: f"/fhir/Observation?code=http://loinc.org|{chance.choice(codes)}&_count=50",
    }
    for what, path in shapes.items():
        took = []
        for number in range(600):
            url = quote(path(), safe="/?&=|$:,")
            started = time.perf_counter()
            status, answer = line.ask("GET", url)
            assert status == 200, answer[:300]
            if number >= 100:
                took.append(time.perf_counter() - started)
        target = "target p50 ≤ 1 ms" if what in ("read by id", "patient + code + date, sorted") else ""
        yield f"{what}, {total:,} resources", f"p50 / p99 {milliseconds(took)}", target
