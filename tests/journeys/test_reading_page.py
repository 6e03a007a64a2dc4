"""The reading page in a real browser: the images stand beside the report; a reader claims, writes and signs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import chromium, pattern
from tests.journeys.county import County
from tests.journeys.running_hub import wait_for

FRAME = "document.querySelector('iframe').contentDocument"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[chromium.Chromium]:
    made = chromium.started(tmp_path / "profile")
    yield made
    made.close()


@pytest.fixture
def task(county: County) -> dict[str, Any]:
    patient = county.admit(county.new("R"), county.resident(), name="林晓燕")
    study = county.study(pattern.sent(county, patient["identifier"][0]["value"], description="胸部CT平扫"))
    (waiting,) = wait_for(lambda: county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}"))
    return dict(waiting)


def sign_in(county: County, browser: chromium.Chromium, who: str) -> None:
    told = county.hub.run("client", "sign-in", who, "--data-dir", str(county.hub.folder), "--json")
    browser.open(json.loads(told.stdout)["link"])
    browser.until("document.body.innerText.includes('区域卫生信息交换平台')")


def press(browser: chromium.Chromium, act: str, shows: str) -> None:
    browser.run(f"document.querySelector('button[value={act}]').click()")
    browser.until(f"document.body && document.body.innerText.includes('{shows}')")


def test_a_reader_sees_the_images_beside_the_report_and_signs_it(
    county: County, browser: chromium.Chromium, task: dict[str, Any]
) -> None:
    sign_in(county, browser, "centre")
    browser.until(f"!!document.querySelector('a[href=\"/reading/{task['id']}\"]')")
    browser.open(f"{county.hub.http}/reading/{task['id']}")
    assert "林晓燕" in browser.text() and "待诊断" in browser.text()
    drawn = "(canvas => canvas && canvas.getContext('2d').getImageData(canvas.width / 2 + 3, 30, 1, 1).data[0])"
    browser.until(f"{drawn}({FRAME}.getElementById('picture')) > 0")
    assert "1 / 3" in browser.run(f"{FRAME}.body.innerText")

    browser.run("document.querySelector('input[name=reader]').value = '周启明'")
    press(browser, "claim", "诊断中")
    press(browser, "sign", "请填写诊断意见")
    browser.run("document.getElementById('findings').value = '右肺上叶见<b>小结节</b>。'")
    browser.run("document.getElementById('conclusion').value = '右肺上叶小结节，建议复查。'")
    press(browser, "sign", "已完成")
    told = browser.text()
    assert "右肺上叶见<b>小结节</b>。" in told and "周启明" in told and "签发报告" not in told

    (report,) = county.find("centre", "DiagnosticReport", patient=task["for"]["reference"].split("/")[1])
    assert report["status"] == "final" and report["conclusion"] == "右肺上叶小结节，建议复查。"
    assert report["imagingStudy"] == [task["focus"]] and report["resultsInterpreter"] == [{"display": "周启明"}]
    assert county.get("qingshan", f"/fhir/DiagnosticReport/{report['id']}")["code"]["text"] == "胸部CT平扫"
    assert county.get("centre", f"/fhir/Task/{task['id']}")["status"] == "completed"


def test_of_two_readers_one_wins_and_others_only_look(
    county: County, browser: chromium.Chromium, task: dict[str, Any]
) -> None:
    sign_in(county, browser, "centre-2")
    browser.open(f"{county.hub.http}/reading/{task['id']}")
    county.claim(task)
    browser.run("document.querySelector('input[name=reader]').value = '李军'")
    press(browser, "claim", "任务已被他人更改")
    assert county.get("centre", f"/fhir/Task/{task['id']}")["owner"]["reference"] == "Organization/imaging-centre"
    assert not browser.run("document.querySelector('form')")
    browser.call("Network.clearBrowserCookies")
    sign_in(county, browser, "hospital")
    browser.open(f"{county.hub.http}/reading/{task['id']}")
    assert "诊断中" in browser.text() and not browser.run("document.querySelector('form')")
    browser.call("Network.clearBrowserCookies")
    browser.open(f"{county.hub.http}/reading/{task['id']}")
    assert "OperationOutcome" in browser.text()
