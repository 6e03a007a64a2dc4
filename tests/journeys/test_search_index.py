"""A hub with a search index beside it: what is sent in is found through the doors, and nothing waits for the index."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.running_hub import RunningHub
from tests.servers.elasticsearch import ElasticsearchServer, free_port

REPORT = {
    "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "胸部CT"},
    "conclusion": "右肺上叶磨玻璃结节，建议复查",
}  # fmt: skip


@pytest.fixture(scope="module")
def hub(elasticsearch: ElasticsearchServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    environment = {"HUB_SEARCH__ELASTICSEARCH_URL": elasticsearch.url, "HUB_SEARCH__PREFIX": "journey"}
    running = RunningHub(tmp_path_factory.mktemp("indexed") / "data", **environment).start(workers=1)
    try:
        running.register("qingshan", "clinic", "qingshan")
        running.register("centre", "reader", "imaging-centre")
        running.register("operator", "admin", "county-it")
        until_fresh(running)
        yield running
    finally:
        running.stop()


def until_fresh(hub: RunningHub) -> None:
    deadline = time.monotonic() + 120
    with hub.session("operator") as operator:
        while time.monotonic() < deadline:
            if operator.get("/health/ready").json()["status"] == "ready":
                return
            time.sleep(0.1)
    raise AssertionError(f"the index did not become live; log: {hub.log()[-3000:]}")


def born(day: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"text": "钱"}], "birthDate": day}


def matches(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in bundle.get("entry", ()) if one["search"]["mode"] == "match"]


def test_a_report_is_found_by_its_words_and_shown_where(hub: RunningHub) -> None:
    with hub.session("qingshan") as clinic:
        made = clinic.post("/fhir/DiagnosticReport", json=REPORT).json()
        found = clinic.get(
            "/fhir/DiagnosticReport", params={"_content": "磨玻璃结节"}, headers={"X-Consistency": "strict"}
        ).json()
    assert [one["resource"]["id"] for one in matches(found)] == [made["id"]]
    assert matches(found)[0]["search"]["extension"][0]["valueString"] == "右肺上叶【磨玻璃结节】，建议复查"
    with hub.session("operator") as operator:
        told = operator.get("/fhir/DiagnosticReport", params={"_content": "结节", "_explain": "true"}).json()
        parts = {one["name"]: one["valueString"] for one in told["parameter"]}
        assert parts["engine"] == "index"
        assert parts["index"] == "journey-reports"
        assert "match_phrase" in parts["query"]
        assert "hub_searches_total" in operator.get("/metrics").text
        assert "检索索引" in operator.get("/").text
        counted = operator.get("/figures/activity?type=DiagnosticReport&from=2026-01&to=2026-12").json()
        assert counted["type"] == "DiagnosticReport"
        shown = operator.get("/figures/activity?type=read&from=2020-01&to=2022-12").json()
        assert (shown["type"], shown["items"]) == ("read", [])
        for kind in ("look-up", "reminder"):
            assert operator.get(f"/figures/activity?type={kind}&from=2026-01&to=2026-12").status_code == 200
        assert operator.get("/figures/activity?from=2026-13&to=2026-12").status_code == 400
        assert operator.get("/figures/activity?type=Patient&from=2026-01&to=2026-12").status_code == 400
    with hub.session("qingshan") as clinic:
        assert clinic.get("/fhir/DiagnosticReport?_explain=true").status_code == 403
        assert clinic.get("/fhir/DiagnosticReport", headers={"X-Consistency": "maybe"}).status_code == 400


def test_an_answer_from_an_index_that_is_behind_says_so(hub: RunningHub) -> None:
    with hub.session("qingshan") as clinic:
        told = []
        for number in range(200):
            clinic.post("/fhir/Patient", json={"resourceType": "Patient", "name": [{"text": f"赵{number}"}]})
            bundle = clinic.get("/fhir/Patient", params={"name": f"赵{number}"}).json()
            if not matches(bundle):
                told = [one["resource"] for one in bundle["entry"] if one["search"]["mode"] == "outcome"]
                assert bundle["meta"]["tag"][0]["code"] == "behind"
                break
    assert told, "the index was never behind"
    assert "behind" in told[0]["issue"][0]["diagnostics"]


def test_pages_of_the_index_are_of_one_moment(hub: RunningHub) -> None:
    with hub.session("qingshan") as clinic:
        for day in range(1, 6):
            clinic.post(
                "/fhir/Patient",
                json={"resourceType": "Patient", "name": [{"text": "钱"}], "birthDate": f"1990-01-0{day}"},
            )
        seen, pages = [], 0
        bundle = clinic.get(
            "/fhir/Patient?name=钱&_sort=birthdate&_count=2", headers={"X-Consistency": "strict"}
        ).json()
        while True:
            seen += [one["resource"]["birthDate"] for one in matches(bundle)]
            pages += 1
            clinic.post(
                "/fhir/Patient", json={"resourceType": "Patient", "name": [{"text": "钱"}], "birthDate": "1990-01-03"}
            )
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
            if not url:
                break
            bundle = clinic.get(url).json()
    assert pages == 3
    assert seen == [f"1990-01-0{day}" for day in range(1, 6)]


def test_an_operator_sees_compares_and_rebuilds_the_index_beside_the_hub(hub: RunningHub) -> None:
    folder = str(hub.folder)
    with hub.session("qingshan") as clinic:
        clinic.post("/fhir/DiagnosticReport", json=REPORT)
    rebuilt = hub.run("index", "rebuild", "--data-dir", folder)
    assert (rebuilt.returncode, "live: generation" in rebuilt.stdout) == (0, True), rebuilt.stdout + rebuilt.stderr
    compared = hub.run("index", "repair", "--all", "--data-dir", folder)
    assert (compared.returncode, ": 0 differ, 0 repaired." in compared.stdout) == (0, True), compared.stdout
    told = hub.run("index", "status", "--data-dir", folder)
    assert told.returncode == 0, told.stdout
    assert "live: yes" in told.stdout
    assert "0 differed" in told.stdout


def test_the_index_commands_want_an_index(tmp_path: Path) -> None:
    done = RunningHub(tmp_path).run("index", "status", "--data-dir", str(tmp_path))
    assert done.returncode == 2
    assert "No search index is set" in done.stderr


@pytest.mark.parametrize("required", [False, True])
def test_without_its_server_the_hub_starts_unless_the_index_is_required(tmp_path: Path, required: bool) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    hub = RunningHub(tmp_path / "data", HUB_SEARCH__ELASTICSEARCH_URL=url, HUB_SEARCH__REQUIRED=str(required).lower())
    if required:
        doors = [option for door in ("http", "mllp", "dicom") for option in (f"--{door}", "127.0.0.1:0")]
        done = hub.run("serve", "--data-dir", str(tmp_path / "data"), *doors)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert f"Nothing answers at {url}" in done.stderr
        return
    hub.start(workers=1)
    try:
        hub.register("qingshan", "clinic", "qingshan")
        with hub.session("qingshan") as clinic:
            ready = clinic.get("/health/ready")
            assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
            clinic.post("/fhir/DiagnosticReport", json=REPORT)
            found = clinic.get("/fhir/DiagnosticReport", params={"_content": "磨玻璃"}).json()
            assert len(matches(found)) == 1
        assert any(json.loads(line)["event"] == "serve.no-index" for line in hub.log().splitlines())
    finally:
        hub.stop()
