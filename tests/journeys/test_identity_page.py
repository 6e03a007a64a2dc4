"""The page of the identity review in a real browser: an operator compares two records and decides with a button."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.contracts.codes import RESIDENT_ID
from tests.journeys import chromium
from tests.journeys.county import County, resident_id

NUMBER = resident_id(402)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[chromium.Chromium]:
    made = chromium.started(tmp_path / "profile")
    yield made
    made.close()


def test_an_operator_decides_in_the_browser_and_nobody_elses_page_can(
    county: County, browser: chromium.Chromium
) -> None:
    patients = []
    for who, name in (("qingshan", "卫兰"), ("baihe", "蒋敏华")):
        body = {"resourceType": "Patient", "identifier": [{"system": RESIDENT_ID, "value": NUMBER}],
                "name": [{"text": name}], "gender": "female", "birthDate": "1962-04-15"}  # fmt: skip
        patients.append(county.ask(who, "POST", "/fhir/Patient", 201, json=body))
    mine = {f"Patient/{patient['id']}" for patient in patients}
    (review,) = [one for one in county.get("operator", "/identity/reviews")["items"] if set(one["records"]) == mine]
    told = county.hub.run("client", "sign-in", "operator", "--data-dir", str(county.hub.folder), "--json")
    browser.open(json.loads(told.stdout)["link"])
    browser.until("document.body.innerText.includes('身份核对')")
    browser.open(f"{county.hub.http}/identity/review/{review['id']}")
    shown = browser.text()
    for word in ("卫兰", "蒋敏华", NUMBER, "青山镇卫生院", "出生日期"):
        assert word in shown

    forged = (
        f"<form method=post action={county.hub.http}/identity/review/{review['id']}>"
        "<input name=decision value=same><input name=reason value=forged></form>"
        "<script>document.forms[0].submit()</script>"
    )
    browser.call("Page.navigate", url=f"data:text/html,{forged}")
    browser.until("document.body && document.body.innerText.includes('credential')")
    assert county.get("operator", f"/identity/reviews/{review['id']}")["state"] == "open"

    browser.open(f"{county.hub.http}/identity/review/{review['id']}")
    browser.run("document.getElementById('reason').value = '电话核实，同一人'")
    browser.run("document.querySelector('button[value=same]').click()")
    browser.until(
        "location.pathname === '/identity' && document.body && document.body.innerText.includes('电话核实，同一人')"
    )
    person = [county.get("hospital", f"/fhir/Patient/{patient['id']}/$person")["id"] for patient in patients]
    assert person[0] == person[1]
