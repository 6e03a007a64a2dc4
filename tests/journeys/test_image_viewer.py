"""Images in a real browser: OHIF as ``hub viewer install`` lays it out, and the small viewer of the hub's own."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hub.viewer.release import VERSION
from tests.journeys import chromium, pattern
from tests.journeys.county import ROOT, County
from tests.journeys.running_hub import wait_for

TARBALL = Path(os.environ.get("HUB_TESTS_OHIF", ROOT / "build" / f"ohif-app-{VERSION}.tgz"))
CANVAS = "document.querySelector('canvas.cornerstone-canvas')"
ALIKE = 0.98


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[chromium.Chromium]:
    made = chromium.started(tmp_path / "profile", chromium.SOFTWARE_GL)
    yield made
    made.close()


def sign_in(county: County, browser: chromium.Chromium, who: str) -> None:
    told = county.hub.run("client", "sign-in", who, "--data-dir", str(county.hub.folder), "--json")
    browser.open(json.loads(told.stdout)["link"])
    browser.until("document.body.innerText.includes('区域卫生信息交换平台')")


def shown(browser: chromium.Chromium, canvas: str) -> np.ndarray:
    """The red of every pixel of a canvas."""
    width, height, red = browser.run(
        f"(canvas => {{ const {{ width, height }} = canvas; const data = canvas.getContext('2d')"
        ".getImageData(0, 0, width, height).data; let red = ''; for (let at = 0; at < data.length; at += 4)"
        f" red += String.fromCharCode(data[at]); return [width, height, red]; }})({canvas})"
    )
    return np.frombuffer(red.encode("latin-1"), np.uint8).reshape(height, width).astype(float)


def sees(browser: chromium.Chromium, canvas: str, number: int) -> bool:
    """Whether the canvas comes to show this image of the pattern."""
    return bool(wait_for(lambda: pattern.likeness(shown(browser, canvas), pattern.grey(number)) >= ALIKE, 20))


def wheel(browser: chromium.Chromium, canvas: str, by: int) -> None:
    """Turn the mouse wheel over the middle of a canvas."""
    x, y = browser.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({canvas}.getBoundingClientRect())")
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)


def test_ohif_opens_a_study_from_a_link_and_shows_its_pixels(county: County, browser: chromium.Chromium) -> None:
    if not TARBALL.is_file():
        pytest.skip(f"{TARBALL} is not there: .ci/run fetches it")
    uid = pattern.sent(county).StudyInstanceUID
    done = county.hub.run("viewer", "install", "--data-dir", str(county.hub.folder), "--from", str(TARBALL))
    assert done.returncode == 0, done.stderr
    sign_in(county, browser, "centre")
    browser.call("Network.enable")
    browser.open(f"{county.hub.http}/viewer/viewer?StudyInstanceUIDs={uid}")
    browser.until(f"!!{CANVAS} && {CANVAS}.width > 100", 60)
    first = int(browser.until("(document.body.innerText.match(/I:(\\d+) \\(1\\/3\\)/) || [])[1]"))
    assert sees(browser, CANVAS, first)
    assert "检查" in browser.text() and "图样<CT>" in browser.text()

    wheel(browser, CANVAS, 120)
    second = int(browser.until("(document.body.innerText.match(/I:(\\d+) \\(2\\/3\\)/) || [])[1]"))
    assert second != first and sees(browser, CANVAS, second)

    asked = [one["params"]["request"] for one in browser.heard if one["method"] == "Network.requestWillBeSent"]
    assert all(one["url"].startswith((county.hub.http, "blob:", "data:")) for one in asked)
    assert any(f"/dicom-web/studies/{uid}/series/" in one["url"] for one in asked)
    assert not any("authorization" in {name.lower() for name in one["headers"]} for one in asked)

    browser.call("Network.clearBrowserCookies")
    browser.open(f"{county.hub.http}/viewer/viewer?StudyInstanceUIDs={uid}")
    assert "OperationOutcome" in browser.text()


def test_a_card_leads_to_the_images_in_a_browser_without_a_credential_and_no_further(
    county: County, browser: chromium.Chromium
) -> None:
    patient = county.admit(county.new("V"), county.resident(), name="林晓燕")
    number = patient["identifier"][0]["value"]
    study = county.study(prior := pattern.sent(county, number, description="胸部CT平扫"))
    other = pattern.sent(county)
    link = county.check(study["subject"]["reference"].split("/")[1], "胸部CT平扫")["card"]["links"][0]["url"]
    browser.open(link)
    images = browser.run("document.querySelector('a[href^=\"/viewer/\"]').getAttribute('href')")
    assert images == f"/viewer/viewer?StudyInstanceUIDs={prior.StudyInstanceUID}"
    browser.open(f"{county.hub.http}{images.replace('viewer/viewer', 'viewer/basic')}")
    browser.until("document.body.innerText.includes('三幅图')")
    assert "林 晓燕" in browser.text()
    browser.open(f"{county.hub.http}/viewer/basic?StudyInstanceUIDs={other.StudyInstanceUID}")
    browser.until("document.body.innerText.includes('登录已结束')")
    assert "三幅图" not in browser.text()
    browser.open(f"{county.hub.http}/fhir/Patient")
    assert "OperationOutcome" in browser.text()
