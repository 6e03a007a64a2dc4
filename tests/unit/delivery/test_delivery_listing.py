"""``GET /delivery``: what has not arrived, for admins, without a word of any content."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError, Forbidden, NotFound
from hub.delivery.router import delivery_router
from hub.security.policy import Policy

County = Any


def ask(county: County, role: Role, method: str, path: str) -> httpx.Response:
    import asyncio

    app = FastAPI()
    app.include_router(delivery_router(county.store, Policy()))

    async def door(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["caller"] = Caller("ops", role, "county")
        await app(scope, receive, send)

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://hub") as client:
            return await client.request(method, path)

    return asyncio.run(run())


@pytest.fixture
def county(county: County) -> County:
    county.registry.urls["qingshan"] = ["http://127.0.0.1:9/reports"]
    county.study()
    county.report(conclusion="右肺结节")
    county.follow()
    return county


def test_an_admin_sees_what_waits_and_nothing_of_what_it_says(county: County) -> None:
    answer = ask(county, Role.ADMIN, "GET", "/delivery")
    (item,) = answer.json()["items"]
    assert item["report"] == "DiagnosticReport/r1"
    assert (item["version"], item["organization"], item["state"]) == (1, "qingshan", "waiting")
    assert answer.json()["open"] == {"waiting": 1, "dead": 0}
    assert "结节" not in answer.text and "陈秀英" not in answer.text and "Patient" not in answer.text


def test_it_can_be_narrowed_to_a_state(county: County) -> None:
    assert len(ask(county, Role.ADMIN, "GET", "/delivery?state=waiting").json()["items"]) == 1
    assert ask(county, Role.ADMIN, "GET", "/delivery?state=dead&_count=5").json()["items"] == []


def test_an_admin_lets_it_be_tried_now(county: County) -> None:
    county.store.act(lambda view: view.execute("UPDATE delivery_item SET next_us = 9e18"), _hub()).result()
    assert ask(county, Role.ADMIN, "POST", "/delivery/1/retry").status_code == 202
    assert county.store.side_rows("SELECT next_us < 9e18 FROM delivery_item") == [(1,)]
    with pytest.raises(NotFound):
        ask(county, Role.ADMIN, "POST", "/delivery/99/retry")


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMIN, Role.SERVICE)])
def test_nobody_else_sees_it(county: County, role: Role) -> None:
    refusal: type[ExchangeError] = Forbidden
    for method, path in (("GET", "/delivery"), ("POST", "/delivery/1/retry")):
        with pytest.raises(refusal):
            ask(county, role, method, path)


def _hub() -> Caller:
    return Caller("hub", Role.SERVICE, "hub")
