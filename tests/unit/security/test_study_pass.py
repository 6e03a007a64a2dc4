"""The pass to the images of a few studies: what it opens, for whom, how long."""

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.security import study_pass
from hub.security.clients import Clients
from hub.security.door import Door
from hub.security.registration import Registration
from hub.security.study_pass import COOKIE, MOST_STUDIES, StudyPasses, opens
from hub.store.sqlite import SqliteResourceStore

METADATA = "/dicom-web/studies/1.2.3/metadata"
ZHANG = "Practitioner/zhang-min"


@pytest.fixture
def passes(store: SqliteResourceStore, clients: Clients) -> StudyPasses:
    clients.add(Registration("hospital", Role.PHYSICIAN, "county-hospital"))
    return StudyPasses(store, clients.caller_by_name)


@pytest.fixture
def physician(passes: StudyPasses, clients: Clients) -> Caller:
    caller = clients.caller_by_name("hospital")
    assert caller is not None
    return replace(caller, actor=ZHANG)


def sent(set_cookie: str) -> list[str]:
    """The Cookie field of a browser that keeps this one."""
    return [f"i18next=zh; {set_cookie.partition(';')[0]}"]


@pytest.mark.parametrize(
    "path",
    ["/viewer", "/viewer/viewer", "/viewer/basic/basic.js", "/dicom-web/studies/1.2.3", METADATA,
     "/dicom-web/studies/1.2.3/series/9/instances/8/frames/1/rendered", "/dicom-web/studies?StudyInstanceUID=1.2.3",
     "/dicom-web/studies?limit=1&0020000D=1.2.3,4.5.6&includefield=all",
     "/dicom-web/studies?StudyInstanceUID=1.2.3%5C4.5.6"],
)  # fmt: skip
def test_a_pass_opens_the_viewer_and_its_studies(path: str) -> None:
    name, _, query = path.partition("?")
    assert opens(["1.2.3", "4.5.6"], name, query.encode())


@pytest.mark.parametrize(
    "path",
    ["/", "/fhir/Patient", "/viewers", "/view", "/order", "/dicom-web/studies", "/dicom-web/series",
     "/dicom-web/worklist",
     "/dicom-web/studies/1.2.30/metadata", "/dicom-web/studies/1.2/metadata", "/dicom-web/studies//metadata",
     "/dicom-web/studies?PatientID=1", "/dicom-web/studies?StudyInstanceUID=",
     "/dicom-web/studies?StudyInstanceUID=1.2.9",
     "/dicom-web/studies?StudyInstanceUID=1.2.3&0020000D=1.2.9", "/dicom-web/studies?StudyInstanceUID=1.2.3,1.2.9",
     "/dicom-web/studies?StudyInstanceUID=*", "/dicom-web/studies?studyinstanceuid=1.2.3",
     "/dicom-web/instances?StudyInstanceUID=1.2.3"],
)  # fmt: skip
def test_a_pass_opens_nothing_else(path: str) -> None:
    name, _, query = path.partition("?")
    assert not opens(["1.2.3"], name, query.encode())


def test_it_stands_for_the_person_of_the_link_and_ends_with_the_client(
    passes: StudyPasses, physician: Caller, clients: Clients
) -> None:
    cookie = passes.cookie(physician, ["1.2.3"])
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Max-Age=900" in cookie and "1.2.3" not in cookie
    assert passes.caller(sent(cookie), METADATA, b"") == physician
    assert passes.caller(sent(cookie.replace("=g", "=h", 1)), METADATA, b"") is None
    assert passes.caller([], METADATA, b"") is None
    clients.remove("hospital")
    assert passes.caller(sent(cookie), METADATA, b"") is None


def test_several_pages_stay_open_each_for_its_own_time(
    passes: StudyPasses, physician: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_800_000_000.0]
    monkeypatch.setattr(study_pass.time, "time", lambda: now[0])
    first = passes.cookie(physician, ["1.2.3"])
    now[0] += 600
    both = passes.cookie(physician, ["4.5.6"], sent(first))
    other = "/dicom-web/studies/4.5.6"
    assert passes.caller(sent(both), METADATA, b"") and passes.caller(sent(both), other, b"")
    now[0] += 400
    assert passes.caller(sent(both), METADATA, b"") is None and passes.caller(sent(both), other, b"")
    colleague = replace(physician, actor="Practitioner/li-jun")
    assert passes.caller(sent(passes.cookie(colleague, ["7.8.9"], sent(both))), other, b"") is None
    many = passes.cookie(physician, [f"1.{at}" for at in range(64 * MOST_STUDIES)])
    assert len(many) < 4096


def test_the_door_lets_it_look_where_no_session_stands_and_never_act(passes: StudyPasses, physician: Caller) -> None:
    seen: list[Caller] = []

    async def inside(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope["state"]["caller"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    class Nobody:
        def caller_of_token(self, token: str) -> Caller | None:
            return None

    class OneSession:
        def caller_of_session(self, session: str) -> Caller | None:
            return Caller("centre", Role.READER, "centre") if session == "signed-in" else None

    door = Door(inside, Nobody(), sessions=OneSession(), passes=passes)
    ours = sent(passes.cookie(physician, ["1.2.3"]))[0]

    def knock(path: str, method: str = "GET", raw: bytes | None = None, **headers: str) -> int:
        told: list[int] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message.get("status", 0))

        fields = [(name.encode(), text.encode()) for name, text in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "raw_path": raw or path.encode(), "client": None,
                 "query_string": b"", "headers": fields}  # fmt: skip
        asyncio.run(door(scope, None, send))  # type: ignore[arg-type]
        return told[0]

    assert knock(METADATA, cookie=ours) == 200 and seen[-1] == physician
    assert knock(METADATA, cookie=f"hub_session=ended; {ours}") == 200 and seen[-1] == physician
    assert knock(METADATA, cookie=f"hub_session=signed-in; {ours}") == 200 and seen[-1].client == "centre"
    assert knock("/dicom-web/studies/1.2.3", "POST", cookie=ours) == 401
    assert knock("/fhir/Patient", cookie=ours) == 401
    assert knock("/dicom-web/studies/1.2.3/../9.9.9", raw=b"/dicom-web/studies/1.2.3%2f..%2f9.9.9", cookie=ours) == 401
    assert knock(METADATA, authorization="Bearer wrong", cookie=ours) == 401
    assert COOKIE in ours
