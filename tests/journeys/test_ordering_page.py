"""The ordering page in a real browser: the card is shown, the prior opens, the answer to the card is kept."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.contracts.site import ZONE
from tests.journeys import chromium
from tests.journeys.county import County
from tests.journeys.running_hub import wait_for

NAME = "腰椎MR平扫"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    made = chromium.started(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture
def patient(county: County) -> dict[str, Any]:
    patient = county.admit(county.new("W"), county.resident())
    when = (datetime.now(ZONE) - timedelta(days=2)).isoformat(timespec="seconds")
    body = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": NAME}, "effectiveDateTime": when,
            "subject": {"reference": f"Patient/{patient['id']}"}, "conclusion": "L4/5椎间盘<突出>"}  # fmt: skip
    county.ask("qingshan", "POST", "/fhir/DiagnosticReport", 201, json=body)
    return patient


def sign_in(county: County, browser: chromium.Chromium) -> None:
    hub = county.hub
    told = hub.run("client", "sign-in", "hospital", "--data-dir", str(hub.folder), "--json")
    browser.open(json.loads(told.stdout)["link"])
    browser.until("document.body.innerText.includes('区域卫生信息交换平台')")


def ask(browser: chromium.Chromium, county: County, patient: dict[str, Any]) -> None:
    browser.open(f"{county.hub.http}/order?patient={patient['id']}")
    browser.run(f"document.getElementById('name').value = '{NAME}'; document.getElementById('sign').click()")
    browser.until("!!document.querySelector('.card.warning')")


def test_a_physician_orders_sees_the_card_opens_the_prior_and_withdraws(
    county: County, browser: chromium.Chromium, patient: dict[str, Any]
) -> None:
    sign_in(county, browser)
    ask(browser, county, patient)
    shown = browser.text()
    assert "重复检查检验提醒" in shown and "青山镇卫生院" in shown and "L4/5椎间盘<突出>" in shown
    assert browser.run("document.querySelector('.card b, .card script')") is None
    link = browser.run("document.querySelector('.card a').href")
    browser.run("document.querySelector('.accept').click()")
    browser.until("document.getElementById('outcome').textContent.includes('已撤销')")
    notes = county.find("hospital", "Communication", patient=patient["id"], category="recognition-note")
    assert "予以互认" in notes[0]["payload"][0]["contentString"]
    browser.call("Network.clearBrowserCookies")
    browser.open(link)
    assert "L4/5椎间盘<突出>" in browser.text()
    browser.open(f"{county.hub.http}/order")
    assert "OperationOutcome" in browser.text()


def test_ordering_anyway_needs_a_reason_and_brings_the_issue_with_it(
    county: County, browser: chromium.Chromium, patient: dict[str, Any]
) -> None:
    sign_in(county, browser)
    ask(browser, county, patient)
    browser.run("document.querySelector('.override').click()")
    browser.until("document.getElementById('outcome').textContent.includes('请先选择理由')")
    browser.run("document.querySelector('.card select').value = '1'; document.querySelector('.override').click()")
    told = browser.until("document.getElementById('outcome').textContent.includes('ServiceRequest/')"
                         " && document.getElementById('outcome').textContent")  # fmt: skip
    order = told.partition("ServiceRequest/")[2].strip()
    (issue,) = wait_for(lambda: county.find("hospital", "DetectedIssue", implicated=f"ServiceRequest/{order}"), 5)
    assert issue["mitigation"][0]["action"]["coding"][0]["code"]
    assert county.get("hospital", f"/fhir/ServiceRequest/{order}")["reasonCode"][0]["coding"]
