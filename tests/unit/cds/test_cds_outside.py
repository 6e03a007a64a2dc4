"""Recognition sources outside the county: asked beside the hub's own record, named where silent, never waited for."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hub.cds.outside import MOST_SILENCES, HttpOutsideSource, Outside
from hub.contracts.outside import OutsideQuestion, OutsideResult

from .county import SIGN, County, ago, call, order, organization, patient, report, resident_number

QUESTION = OutsideQuestion("990101198001010010", ("胸部CT平扫",))


def ct(**more: Any) -> dict[str, Any]:
    return {"id": "7", "name": "胸部CT平扫", "performed": ago(days=2), "organization": "省人民医院", "mark": "HR",
            "scope": "province", "level": "3A", "conclusion": "左肺结节"} | more  # fmt: skip


class Platform:
    """A provincial platform that answers over HTTP; what it was asked is kept."""

    def __init__(self) -> None:
        self.answer: bytes = json.dumps({"results": [ct()]}).encode()
        self.status = 200
        self.asked: list[dict[str, Any]] = []
        self.credentials: list[str | None] = []
        self.wait = threading.Event()
        self.wait.set()
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                platform.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                platform.credentials.append(self.headers.get("Authorization"))
                platform.wait.wait(5)
                self.send_response(platform.status)
                self.send_header("Content-Length", str(len(platform.answer)))
                self.end_headers()
                self.wfile.write(platform.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/look-up"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.wait.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform()
    yield made
    made.close()


@dataclass
class Scripted:
    """A source inside the process: answers, or hangs."""

    results: Sequence[OutsideResult] = ()
    hangs: bool = False
    name: str = "省级互认平台"
    asked: list[OutsideQuestion] = field(default_factory=list)

    async def look_up(self, question: OutsideQuestion) -> Sequence[OutsideResult]:
        self.asked.append(question)
        if self.hangs:
            await asyncio.Event().wait()
        return self.results


def county_with(folder: Path, *sources: Any) -> County:
    county = County(folder, *sources)
    county.send(organization("clinic", "城关镇卫生院"), organization("hospital", "县人民医院"), patient())
    return county


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[County, Scripted]]:
    source = Scripted()
    county = county_with(tmp_path, source)
    yield county, source
    county.close()


def test_a_platform_over_http_is_asked_for_the_person_and_the_examination_alone(platform: Platform) -> None:
    source = HttpOutsideSource("省级互认平台", platform.url, "secret")
    answers = asyncio.run(Outside([source], deadline_seconds=30).ask(QUESTION))
    assert platform.asked == [{"residentId": "990101198001010010", "examinations": ["胸部CT平扫"]}]
    assert platform.credentials == ["Bearer secret"]
    [(prior, institution)] = answers.priors
    assert (prior.refs, institution.name) == (("urn:hub:outside:省级互认平台:7",), "省人民医院")
    assert (answers.heard[0].silent, answers.heard[0].results) == (False, 1)


@pytest.mark.parametrize("wrong", [b"", b"[]", b'{"results": [{"id": 1}]}', b"<html>", b"x" * 2_000_000])
def test_an_answer_that_is_none_is_silence(platform: Platform, wrong: bytes) -> None:
    platform.answer = wrong
    answers = asyncio.run(Outside([HttpOutsideSource("省", platform.url)], deadline_seconds=30).ask(QUESTION))
    assert (answers.heard[0].silent, answers.priors) == (True, ())


def test_a_refusal_and_a_closed_door_are_silence(platform: Platform) -> None:
    platform.status = 500
    away = HttpOutsideSource("另一个", "http://127.0.0.1:9/none")
    outside = Outside([HttpOutsideSource("省", platform.url), away], deadline_seconds=30)
    assert [one.silent for one in asyncio.run(outside.ask(QUESTION)).heard] == [True, True]


def test_nobody_waits_beyond_the_deadline(platform: Platform) -> None:
    platform.wait.clear()
    answers = asyncio.run(Outside([HttpOutsideSource("省", platform.url)]).ask(QUESTION))
    assert answers.heard[0].silent


def test_a_source_that_is_always_silent_is_left_in_peace_for_a_while() -> None:
    source, now = Scripted(hangs=True), [100.0]
    outside = Outside([source], deadline_seconds=0, clock=lambda: now[0])
    for _ in range(MOST_SILENCES + 3):
        assert asyncio.run(outside.ask(QUESTION)).heard[0].silent
    assert len(source.asked) == MOST_SILENCES
    now[0], source.hangs = 200.0, False
    outside._deadline_seconds = 30
    assert not asyncio.run(outside.ask(QUESTION)).heard[0].silent


def test_a_recognised_result_elsewhere_warns_with_its_place_and_its_link(scripted: tuple[County, Scripted]) -> None:
    county, source = scripted
    source.results = [OutsideResult(**ct(url="https://platform.example/r/7"))]
    answer = county.sign(order("draft-1", "胸部CT平扫")).json()
    [card] = answer["cards"]
    assert (card["indicator"], card["extension"]["hub.verdict"]["verdict"]) == ("warning", "duplicate")
    assert "省人民医院" in card["summary"] and "左肺结节" in card["detail"]
    assert card["links"] == [{"label": "查看外部结果", "url": "https://platform.example/r/7", "type": "absolute"}]
    assert answer["extension"]["hub.sources"] == [{"source": "省级互认平台", "state": "answered", "results": 1}]
    assert source.asked == [OutsideQuestion(resident_number(), ("胸部CT平扫",))]


@pytest.mark.parametrize("more", [{"mark": ""}, {"scope": "city"}, {"name": "某某检查"}, {"performed": "不详"}])
def test_what_is_not_recognised_or_not_readable_elsewhere_makes_no_card(
    scripted: tuple[County, Scripted], more: dict[str, Any]
) -> None:
    county, source = scripted
    source.results = [OutsideResult(**ct(**more))]
    assert county.cards(order("draft-1", "胸部CT平扫")) == []


def test_silence_is_said_on_every_card_and_beside_them(tmp_path: Path) -> None:
    county = county_with(tmp_path, Scripted(hangs=True))
    try:
        county.send(report("r1", "胸部CT平扫"))
        told = county.sign(order("a", "胸部CT平扫"), order("b", "头颅CT平扫")).json()
        [card] = told["cards"]
        assert "省级互认平台未在规定时间内答复" in card["detail"]
        assert told["extension"]["hub.sources"][0]["state"] == "silent"
        nothing = county.sign(order("b", "头颅CT平扫")).json()
        assert nothing["cards"] == [] and nothing["extension"]["hub.sources"][0]["state"] == "silent"
    finally:
        county.close()


def test_who_has_no_resident_number_is_asked_about_nowhere(scripted: tuple[County, Scripted]) -> None:
    county, source = scripted
    county.send(
        patient(
            "p9", identifier=[{"system": "urn:his", "value": "9"}], name=[{"text": "另一人"}], birthDate="1931-05-05"
        )
    )
    assert county.sign(order("a", "胸部CT平扫", who="p9"), patient="p9").status_code == 200
    assert source.asked == []


def test_without_sources_nothing_is_said_of_any(tmp_path: Path) -> None:
    county = county_with(tmp_path)
    try:
        assert "hub.sources" not in county.http("POST", SIGN, json=call(order("a", "胸部CT平扫"))).json()["extension"]
    finally:
        county.close()
