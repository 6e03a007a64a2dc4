"""The figures: a story reckoned by hand, the rules of counting, and who sees what."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub.api.rest.mapping_desk import desk
from hub.cds.default_muting import mute_unheeded
from hub.cds.department import department_of
from hub.cds.figures import Asked, Row, fates, figures, pooled, savings, unheeded
from hub.cds.figures_reading import as_csv
from hub.cds.figures_router import DuplicateFigures, figures_router
from hub.cds.muting import decide, mute_by_default, muted_for, read_decision
from hub.cds.prices import read_prices, store_prices
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden, Incorrect
from hub.contracts.site import ZONE
from hub.exams.examination import Examination, Kind, Side, Target
from hub.exams.items import item_of
from hub.exams.naming.name_parser import parse
from hub.security.policy import Policy
from hub.web.figures import figures_pages

from .county import County, order, report

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
START_US = int(datetime(2026, 3, 2, 9, tzinfo=ZONE).timestamp() * 1e6)
LATER_US = START_US + 60 * DAY_US


def card(number: str, day: float = 0, outcome: str | None = None, **more: Any) -> Asked:
    """A card on a chest CT of one patient, shown at ``day``."""
    told: dict[str, Any] = {
        "id": number, "at_us": START_US + int(day * DAY_US), "call": f"call-{number}", "organization": "a",
        "department": "内科", "patient": "p", "person": "p", "item": "CT chest plain", "verdict": "duplicate",
        "coverage": "full", "indicator": "warning", "card": number, "outcome": outcome,
    }  # fmt: skip
    orders = tuple((told["at_us"] + int(hours * HOUR_US), whose) for hours, whose in more.pop("orders", ()))
    return Asked(**(told | more), orders=orders)


def test_every_card_has_one_fate() -> None:
    asked = [
        card("accepted", outcome="accepted"),
        card("overridden", 10, "overridden"),
        card("ignored", 20, orders=[(2, "a")]),
        card("late", 30, orders=[(25, "a")]),
        card("elsewhere", 40, orders=[(2, "b")]),
        card("select", 50, orders=[(3, "a")]),
        card("sign", 50.01, orders=[(2.7, "a")]),
    ]
    assert fates(asked) == {
        "accepted": "accepted", "overridden": "overridden", "ignored": "ignored", "late": "open", "elsewhere": "open",
        "select": "replaced", "sign": "ignored",
    }  # fmt: skip


def test_two_cards_of_one_call_do_not_replace_each_other() -> None:
    assert fates([card("one", call="x"), card("two", call="x")]) == {"one": "open", "two": "open"}


def test_an_examination_is_saved_once_and_only_if_nobody_orders_it_again() -> None:
    asked = [
        card("saved", outcome="accepted"),
        card("same", 10, "accepted"),
        card("anew", 40, "accepted"),
        card("again", outcome="accepted", person="q", orders=[(80, "b")]),
        card("harm", outcome="accepted", person="r", orders=[(72, "a"), (300, "a")]),
        card("long-after", outcome="accepted", person="s", orders=[(14 * 24 + 1, "a")]),
        card("part", outcome="accepted", person="t", verdict="narrow", coverage="partial"),
        card("waits", 59, "accepted", person="u"),
    ]
    assert savings(asked, LATER_US) == {
        "saved": "saved", "anew": "saved", "again": "reordered", "harm": "reordered_72h", "long-after": "saved",
        "waits": "awaiting",
    }  # fmt: skip


def test_money_counts_net_examinations_with_the_price_of_the_place() -> None:
    asked = [
        card("one", outcome="accepted"),
        card("two", outcome="accepted", person="q", organization="b"),
        card("three", outcome="accepted", person="r", organization="b", item="panel:cbc"),
        card("four", outcome="accepted", person="s", orders=[(5, "a")]),
    ]
    prices = {("a", "CT chest plain"): 18_000, ("b", "CT chest plain"): 20_050}
    found = figures(asked, LATER_US, lambda *key: prices.get(key), lambda one: True)
    assert (found.total.saved, found.total.fen_saved, found.total.unpriced) == (3, 38_050, 1)
    assert (found.total.accepted, found.total.reordered, found.total.reordered_72h) == (4, 1, 1)
    assert found.clinics["b"].fen_saved == 20_050


def test_a_rule_is_listed_for_muting_when_it_fires_often_and_is_hardly_ever_accepted() -> None:
    def rule(shown: int, accepted: int) -> Row:
        return Row(lookups=shown, shown=shown, accepted=accepted)

    rules = {
        ("duplicate", "a"): rule(50, 2), ("duplicate", "b"): rule(49, 0), ("duplicate", "c"): rule(100, 5),
        ("duplicate", "d"): rule(100, 4),
    }  # fmt: skip
    assert unheeded(rules) == [("duplicate", "a"), ("duplicate", "d")]


def test_small_groups_are_pooled_so_that_none_can_be_told_by_subtraction() -> None:
    def sizes(**group: int) -> dict[str, int]:
        return {key: row.lookups for key, row in pooled({k: Row(lookups=n) for k, n in group.items()}).items()}

    assert sizes(a=9, b=2, c=1, d=4) == {"a": 9, "others": 7}
    assert sizes(a=9, b=8, c=1) == {"a": 9, "others": 9}
    assert sizes(a=9, b=8) == {"a": 9, "b": 8}
    assert sizes(a=2) == {"others": 2}


@pytest.mark.parametrize(
    ("one", "other"),
    [("胸部CT平扫", "胸部CT"), ("左膝关节MRI平扫", "右膝关节MRI平扫"), ("胸部DR正侧位", "胸部DR正位")],
)
def test_an_item_knows_no_side_no_view_and_takes_the_unsaid_phase_for_plain(one: str, other: str) -> None:
    first, second = parse(one).examination, parse(other).examination
    assert first is not None and second is not None
    assert item_of(first) == item_of(second)


def test_items_are_named_in_both_languages() -> None:
    chest = Examination(Kind.IMAGING, "CT", (Target("chest", Side.UNSAID),))
    assert item_of(chest) == ("CT chest plain", "胸部CT平扫")
    count = parse("血常规").examination
    assert count is not None
    assert item_of(count)[1] == "血常规"


# From the door


def _feedback(county: County, number: str, outcome: str, **more: Any) -> None:
    item = {"card": number, "outcome": outcome, **more}
    answer = county.http("POST", "/cds-services/duplicate-examination-sign/feedback", json={"feedback": [item]})
    assert answer.status_code == 200, answer.text


def _settled(county: County, count: int) -> None:
    """Until the verdicts, which follow the answers, are there."""
    county.store.act(lambda view: None, county.physician).result(10)
    assert county.store.side_rows("SELECT count(*) FROM cds_asked") == [(count,)]


def _figures(county: County, caller: Caller, *, days_later: float = 0, **more: str) -> dict[str, Any]:
    now = datetime.now(UTC) + timedelta(days=days_later)
    read = DuplicateFigures(county.store, Policy(), county.persons, now=lambda: now)
    return read(caller, more.get("first", ""), more.get("last", ""), more.get("organization"))


ADMIN = Caller("desk", Role.ADMIN, "bureau")


def _play(county: County) -> None:
    """Three reminders of the hospital, one of the clinic, and two look-ups without any.

    By hand: chest CT accepted (180 yuan), abdominal ultrasound overridden for a changed condition, blood count ignored
    (its order follows), chest CT at the clinic left open; head MRI finds nothing, the last name is not understood."""
    stay = {
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "serviceType": {"text": "呼吸内科"},
        "class": {"code": "AMB"}, "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    county.send(stay, report("r1", "胸部CT平扫"), report("r2", "腹部彩超"))
    count_today = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    county.send(report("r3", "血常规", effectiveDateTime=count_today))
    [accepted] = county.cards(order("d1", "胸部CT平扫", encounter={"reference": "Encounter/e1"}))
    _settled(county, 1)
    _feedback(county, accepted["uuid"], "accepted")
    [overridden, ignored] = county.cards(order("d2", "腹部彩超"), order("d3", "血常规"))
    _settled(county, 3)
    which = {one["extension"]["hub.verdict"]["draft"]: one["uuid"] for one in (overridden, ignored)}
    reason = {"reason": {"code": "condition-changed"}}
    _feedback(county, which["ServiceRequest/d2"], "overridden", overrideReason=reason)
    county.sign(order("d4", "头颅MRI平扫"), order("d5", "神秘检查"))
    _settled(county, 5)
    hospital, county.physician = county.physician, Caller("clinic-his", Role.PHYSICIAN, "clinic")
    county.cards(order("d6", "胸部CT平扫"))
    _settled(county, 6)
    county.physician = hospital
    ordered = (which["ServiceRequest/d3"], "ServiceRequest/o3", int(datetime.now(UTC).timestamp() * 1e6), "hospital")
    county.store.act(
        lambda view: view.execute("INSERT INTO cds_order VALUES (?, ?, ?, ?)", ordered), county.physician
    ).result(10)
    prices = read_prices("item,price\n胸部CT平扫,180\n血常规,20.50\n")
    county.store.act(lambda view: store_prices(view, "", prices), county.physician).result(10)


def test_a_story_reckoned_by_hand(county: County) -> None:
    _play(county)
    told = _figures(county, county.physician)
    expected = {
        "calls": 3, "lookups": 5, "reminders": 3, "shown": 3, "accepted": 1, "overridden": 1, "ignored": 1,
        "replaced": 0, "open": 0, "saved": 0, "reordered": 0, "reordered_72h": 0, "awaiting": 1, "yuan_saved": 0.0,
        "unpriced": 0, "acceptance": 0.3333,
    }  # fmt: skip
    assert told["total"] == expected
    assert [(one["department"], one["lookups"]) for one in told["departments"]] == [("", 4), ("呼吸内科", 1)]
    items = {one["name"]: (one["lookups"], one["shown"], one["accepted"]) for one in told["items"]}
    assert items["胸部CT平扫"] == (1, 1, 1)
    assert items["血常规"] == (1, 1, 0)
    assert told["reasons"] == [{"use": "override", "code": "condition-changed", "name": told["reasons"][0]["name"],
                                "count": 1}]  # fmt: skip
    later = _figures(county, county.physician, days_later=15)["total"]
    assert (later["saved"], later["awaiting"], later["yuan_saved"]) == (1, 0, 180.0)
    whole = _figures(county, ADMIN)
    assert (whole["total"]["lookups"], whole["total"]["shown"], whole["total"]["open"]) == (6, 4, 1)
    assert [(one["organization"], one["lookups"]) for one in whole["clinics"]] == [("hospital", 5), ("clinic", 1)]


def test_a_clinic_sees_its_own_figures_and_an_admin_no_small_group(county: County) -> None:
    _play(county)
    clinic = Caller("clinic-desk", Role.CLINIC, "clinic")
    assert _figures(county, clinic, organization="hospital")["total"]["lookups"] == 1
    whole = _figures(county, ADMIN)
    assert [one["department"] for one in whole["departments"]] == ["others"]
    assert [(one["item"], one["lookups"]) for one in whole["items"]] == [("others", 6)]
    assert _figures(county, ADMIN, organization="clinic")["total"]["lookups"] == 1
    for role in (Role.PATIENT, Role.PLATFORM):
        with pytest.raises(Forbidden):
            _figures(county, Caller("x", role, "clinic"))


def test_the_period_is_whole_days_at_the_site_and_both_count(county: County) -> None:
    _play(county)
    today = datetime.now(ZONE).date()
    assert _figures(county, ADMIN, first=today.isoformat(), last=today.isoformat())["total"]["lookups"] == 6
    gone = (today - timedelta(days=1)).isoformat()
    assert _figures(county, ADMIN, first=gone, last=gone)["total"]["lookups"] == 0
    for first, last in (("2026-02-30", ""), (today.isoformat(), gone), ("2020-01-01", "2026-01-01")):
        with pytest.raises(Incorrect):
            _figures(county, ADMIN, first=first, last=last)


def test_the_table_is_csv_and_no_cell_is_a_formula(county: County) -> None:
    _play(county)
    county.sign(order("d7", "胸部CT平扫", requester={"reference": "Organization/x", "display": "=cmd|x"}))
    _settled(county, 7)
    rows = list(csv.DictReader(io.StringIO(as_csv(_figures(county, county.physician)).lstrip("\ufeff"))))
    assert next(row for row in rows if row["dimension"] == "total")["lookups"] == "6"
    assert [row["key"] for row in rows if row["dimension"] == "department"] == ["", "'=cmd|x", "呼吸内科"]


@pytest.mark.parametrize(
    ("content", "field"), [("item,price\n乱七八糟,5\n", "item"), ("item,price\n胸部CT平扫,much\n", "price"),
                           ("item,price\n胸部CT平扫,1.234\n", "price"), ("item,price\n胸部CT平扫,-1\n", "price")]
)  # fmt: skip
def test_a_wrong_price_is_named(content: str, field: str) -> None:
    with pytest.raises(Incorrect) as refused:
        read_prices(content)
    assert (refused.value.where, "Line 2" in refused.value.what) == (field, True)


def _page(county: County, caller: Caller, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    app = FastAPI()
    read = DuplicateFigures(county.store, Policy(), county.persons)
    app.include_router(figures_pages(Policy(), read, lambda who, whose: desk(county.store, who, whose, 100)))
    app.include_router(figures_router(read, county.store, Policy()))

    async def with_caller(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["caller"] = caller
        await app(scope, receive, send)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(with_caller)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.example") as client:
            return await (client.get(path) if body is None else client.post(path, json=body))

    return asyncio.run(ask())


def test_the_pages_say_the_figures_and_the_names_in_chinese_first(county: County) -> None:
    _play(county)
    told = _page(county, county.physician, "/figures").text
    for words in ("按科室", "呼吸内科", "胸部CT平扫", "33.3 %", "采纳率"):
        assert words in told
    clinic = Caller("hospital-desk", Role.CLINIC, "hospital")
    assert "神秘检查" in _page(county, clinic, "/unmapped").text
    table = _page(county, clinic, "/figures/duplicates?_format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert _page(county, clinic, "/figures/duplicates").json()["total"]["lookups"] == 5


def _shown(county: County) -> int:
    return len(county.cards(order("d1", "胸部CT平扫")))


def test_a_muted_rule_shows_no_card_and_keeps_its_verdict_until_it_is_decided_otherwise(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    assert _shown(county) == 1

    def decide_on(muted: bool, **more: str) -> None:
        body = {"verdict": "duplicate", "item": "CT chest plain", "muted": muted, **more}
        answer = _page(county, ADMIN, "/figures/duplicates/muted", body)
        assert answer.status_code == 200, answer.text

    decide_on(True)
    answer = county.sign(order("d1", "胸部CT平扫")).json()
    assert answer["cards"] == []
    [verdict] = answer["extension"]["hub.verdicts"]
    assert (verdict["verdict"], verdict["muted"]) == ("duplicate", True)
    decide_on(False, organization="hospital")
    assert _shown(county) == 1
    _settled(county, 3)
    total = _figures(county, county.physician)["total"]
    assert (total["reminders"], total["shown"]) == (3, 2)


def test_what_nobody_heeds_is_muted_by_default_but_never_against_a_decision(county: County) -> None:
    rules = [("duplicate", "CT chest plain"), ("duplicate", "panel:cbc")]
    kept = read_decision(b'{"verdict": "duplicate", "item": "panel:cbc", "muted": false}')
    county.store.act(lambda view: decide(view, kept, "committee"), ADMIN).result(10)
    county.store.act(lambda view: mute_by_default(view, rules), ADMIN).result(10)
    muted = muted_for(county.store.side_rows, "hospital")
    assert [muted(*rule) for rule in rules] == [True, False]
    assert mute_unheeded(county.store) == 0


@pytest.mark.parametrize(
    "body", [b"[]", b'{"verdict":"none","item":"x","muted":true}', b'{"verdict":"duplicate","item":"","muted":true}',
             b'{"verdict":"duplicate","item":"x"}', b"\xff"]
)  # fmt: skip
def test_a_decision_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Incorrect):
        read_decision(body)


@pytest.mark.parametrize(
    ("draft", "department"),
    [
        ({"requester": {"reference": "PractitionerRole/r1", "display": "张三"}}, "心内科"),
        ({"requester": {"reference": "PractitionerRole/r2"}}, "儿科门诊"),
        ({"requester": {"reference": "Organization/o1"}}, "急诊科"),
        ({"requester": {"reference": "Practitioner/p1", "display": "张三"}}, ""),
        ({"performer": [{"reference": "HealthcareService/h1", "display": "放射科"}]}, "放射科"),
        ({"performer": [{"reference": "Practitioner/p1", "display": "李四"}]}, ""),
        ({"requester": "张三"}, ""),
    ],
)
def test_a_department_is_never_a_person(draft: dict[str, Any], department: str) -> None:
    known: dict[str, dict[str, Any]] = {
        "PractitionerRole/r1": {"specialty": [{"text": "心内科"}]},
        "PractitionerRole/r2": {"organization": {"display": "儿科门诊"}},
        "Organization/o1": {"name": "急诊科"},
    }
    assert department_of(draft, "", known.get) == department
