"""The search index beside the store: how fast it is fed, how far it lags, what searches cost on either engine.

Yardstick of the feed: the very documents, sent by one bare ``helpers.bulk`` to the same server in the same run.
Yardstick of a search: the same question to the same hub without the index.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from elasticsearch import Elasticsearch, helpers

from hub.search.elasticsearch.document import document
from hub.search.elasticsearch.mappings import index_body
from hub.store.sqlite import SqliteResourceStore
from tests.benchmarks.clock import Line, in_parallel, milliseconds, percentile
from tests.benchmarks.population import GIVEN, SURNAMES, bundles
from tests.journeys.running_hub import RunningHub
from tests.servers.elasticsearch import ElasticsearchServer

FINDINGS = ("磨玻璃结节", "实性结节", "斑片影", "胸腔积液", "支气管扩张", "肺气肿", "钙化灶", "未见异常")
PLACES = ("右肺上叶", "右肺中叶", "右肺下叶", "左肺上叶", "左肺下叶", "双肺")
SIZES = {True: (18, 2_000), False: (180, 100_000)}
"""Patients with their records (about 225 resources each), and reports beside them."""
Row = tuple[str, str, str]


def run(folder: Path, small: bool) -> Iterator[Row]:
    patients, reports = SIZES[small]
    server = ElasticsearchServer(folder / "es", heap="1g", quick=False).start()
    hub = RunningHub(folder / "data", HUB_SEARCH__ELASTICSEARCH_URL=server.url)
    try:
        hub.start(workers=2)
        token = hub.register("bench", "physician", "bench")
        sender = hub.register("clinic", "clinic", "qingshan")
        yield from _feed(hub, token, sender, patients)
        yield from _steady(hub, sender)
        _post(hub, sender, list(_report_bundles(reports)))
        _until_fresh(hub)
        with_index = _searches(hub, token)
        hub.terminate()
        yield _bare(hub.folder, server.url)
        yield from _rebuilt(hub)
        hub.environment.pop("HUB_SEARCH__ELASTICSEARCH_URL")
        hub.start(workers=2)
        without = _searches(hub, token)
        for what, (took, engine) in with_index.items():
            other, said = without[what]
            outcome = said if said.startswith(" (") else ""
            p50, theirs = percentile(took, 0.5), percentile(other, 0.5)
            yield (
                f"{what} ({engine})",
                f"p50 / p99 {milliseconds(took)}",
                f"store alone: {milliseconds(other)}{outcome}; ratio {theirs / p50:.1f}",
            )
    finally:
        hub.stop()
        server.remove()


def _feed(hub: RunningHub, token: str, sender: str, patients: int) -> Iterator[Row]:
    _until_fresh(hub)
    work = list(bundles(patients))
    total = sum(count for _, count in work)
    started = time.perf_counter()
    seconds = _post(hub, sender, [body for body, _ in work])
    _until_fresh(hub)
    fed = time.perf_counter() - started
    yield (
        f"feed beside ingest, {total:,} resources",
        f"{total / fed:,.0f} resources/s, all searchable {fed - seconds:.1f} s after the last was acknowledged",
        f"ingest itself {total / seconds:,.0f}/s; target ≥ 3,000/s",
    )


def _post(hub: RunningHub, token: str, work: list[bytes]) -> float:
    lines = [Line(hub.http, token) for _ in range(2)]

    def on(number: int) -> Any:
        def post(body: bytes) -> None:
            status, answer = lines[number].ask("POST", "/fhir", body, Prefer="return=minimal")
            assert status == 200, answer[:500]

        return post

    return in_parallel(work, 2, on)[0]


def _steady(hub: RunningHub, token: str) -> Iterator[Row]:
    """1,000 resources a second for some seconds, the lag read meanwhile."""
    line, lags = Line(hub.http, token), list[float]()
    work = [json.dumps(_transaction([_measured(n * 100 + k) for k in range(100)])).encode() for n in range(150)]
    started = time.perf_counter()
    for number, body in enumerate(work):
        time.sleep(max(0.0, number / 10 - (time.perf_counter() - started)))
        line.ask("POST", "/fhir", body, Prefer="return=minimal")
        lags.append(_gauge(line, "hub_search_index_lag_seconds"))
    spent = time.perf_counter() - started
    yield (
        f"lag at {15_000 / spent:,.0f} resources/s steady",
        f"p50 {percentile(lags, 0.5):.2f} s, p99 {percentile(lags, 0.99):.2f} s",
        "target p99 ≤ 2 s",
    )


def _bare(folder: Path, url: str) -> Row:
    """Documents made beforehand: what the server alone can do."""
    store = SqliteResourceStore(folder)
    rids = store.live_rids(0, 30_000)
    made = [document(one) for at in range(0, len(rids), 500) for one in store.indexed(rids[at : at + 500])]
    store.close()
    with Elasticsearch(url, request_timeout=60) as client:
        client.indices.create(index="bare", **index_body("bare", shards=1, replicas=0))
        actions = ({"_index": "bare", "_id": f"{one['type']}/{one['id']}", "_source": one} for one in made)
        started = time.perf_counter()
        helpers.bulk(client, actions, chunk_size=1_000)
        seconds = time.perf_counter() - started
        client.indices.delete(index="bare")
    return f"bare helpers.bulk, {len(made):,} documents", f"{len(made) / seconds:,.0f} documents/s", "yardstick"


def _rebuilt(hub: RunningHub) -> Iterator[Row]:
    command = [sys.executable, "-m", "hub", "index", "rebuild", "--data-dir", str(hub.folder)]
    url = hub.environment["HUB_SEARCH__ELASTICSEARCH_URL"]
    started = time.perf_counter()
    own: list[int] = []
    with subprocess.Popen(
        [*command, "--elasticsearch", url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as building:
        while building.poll() is None:
            own.append(_own_mb(building.pid))
            time.sleep(0.25)
        said = building.stdout.read() if building.stdout else ""
    seconds = time.perf_counter() - started
    assert building.returncode == 0, said
    documents = int(said.rsplit(", ", 1)[1].split()[0])
    own = [one for one in own if one]  # the last look may find it gone
    quarters = "/".join(str(own[len(own) * part // 4 - 1]) for part in (1, 2, 3, 4))
    yield (
        f"rebuild, {documents:,} documents",
        f"{documents / seconds:,.0f} resources/s; own memory after each quarter {quarters} MB",
        "target ≥ 4,000/s, memory flat",
    )
    compared = hub.run("index", "verify", "--data-dir", str(hub.folder), "--elasticsearch", url)
    yield "verify after it", compared.stdout.strip().splitlines()[-1], "0 differ"


def _own_mb(pid: int) -> int:
    """Without what SQLite has mapped of its file, which is the kernel's to keep or to drop."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in text.splitlines() if line.startswith("RssAnon")), 0)


def _searches(hub: RunningHub, token: str) -> dict[str, tuple[list[float], str]]:
    """Seconds of each request by shape, with the engine that answered, or what was said instead of an answer."""
    line, chance = Line(hub.http, token), random.Random(5)
    shapes = {
        "name, two characters": lambda: f"Patient?name={chance.choice(SURNAMES)}{chance.choice(GIVEN)}",
        "people, pinyin": lambda: f"Patient?_query=people&find={chance.choice(('wang', 'zhangwei', 'ljq'))}",
        "code, newest 50": lambda: f"Observation?code={chance.choice(('718-7', '2345-7'))}&_sort=-date",
        "code and value": lambda: f"Observation?code=2345-7&value-quantity=gt{chance.choice((6, 7, 8))}&_sort=-date",
        "code, exact count": lambda: "Observation?code=http://loinc.org|718-7&_summary=count",
        "worklist": lambda: "DiagnosticReport?status=final&_sort=-date&_count=20",
        "Chinese full text": lambda: f"DiagnosticReport?_content={chance.choice(PLACES)}见{chance.choice(FINDINGS)}",
    }
    found: dict[str, tuple[list[float], str]] = {}
    for what, path in shapes.items():
        took, outcome, before = [], "", _gauge(line, 'hub_searches_total{engine="index"}')
        for number in range(120):
            started = time.perf_counter()
            status, answer = line.ask("GET", "/fhir/" + quote(path(), safe="/?&=|:,"))
            if number >= 20 or status != 200:
                took.append(time.perf_counter() - started)
            if status != 200:
                outcome = f" (HTTP {status}: {json.loads(answer)['issue'][0]['code']})"
                break
        time.sleep(1.2)  # until every worker's counters are written
        engine = "index" if _gauge(line, 'hub_searches_total{engine="index"}') > before else "store"
        found[what] = (took, outcome or engine)
    return found


def _report_bundles(count: int) -> Iterator[bytes]:
    chance = random.Random(9)
    for start in range(0, count, 500):
        yield json.dumps(_transaction([_report(chance, start + n) for n in range(500)]), ensure_ascii=False).encode()


def _report(chance: random.Random, number: int) -> dict[str, Any]:
    pick = chance.choice
    lines = [f"{pick(PLACES)}见{pick(FINDINGS)}，大小约{chance.randrange(3, 40)}mm。" for _ in range(3)]
    year, month, day = chance.randrange(2015, 2027), chance.randrange(1, 13), chance.randrange(1, 29)
    return {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "胸部CT平扫"},
        "effectiveDateTime": f"{year}-{month:02d}-{day:02d}",
        "conclusion": "".join(lines) + "建议结合临床，必要时复查。" * 4 + f"编号{number}",
    }  # fmt: skip


def _measured(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "effectiveDateTime": "2026-03-01", "valueQuantity": {"value": number % 90 + 40, "unit": "/min"},
    }  # fmt: skip


def _transaction(resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _gauge(line: Line, name: str) -> float:
    for one in line.ask("GET", "/metrics")[1].decode().splitlines():
        if one.startswith(name + " "):
            return float(one.rsplit(" ", 1)[1])
    return 0.0


def _until_fresh(hub: RunningHub) -> None:
    """Every change can be found."""
    while True:
        told = hub.run("index", "status", "--data-dir", str(hub.folder)).stdout
        if "live: yes" in told and "behind: 0 changes" in told:
            return
        time.sleep(0.2)
