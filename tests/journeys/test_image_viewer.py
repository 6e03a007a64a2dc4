"""Images in a real browser: OHIF as ``hub viewer install`` lays it out, and the small viewer of the hub's own."""

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
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


def sees(browser: chromium.Chromium, canvas: str, number: int, *window: float) -> bool:
    """Whether the canvas comes to show this image of the pattern, in this window."""
    expected = pattern.grey(number, *window)
    return bool(wait_for(lambda: pattern.likeness(shown(browser, canvas), expected) >= ALIKE, 60))


def press(browser: chromium.Chromium, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key)


def drag(browser: chromium.Chromium, canvas: str, right: int, down: int, modifiers: int = 0) -> None:
    x, y = middle(browser, canvas)
    for kind, at in (("mousePressed", (x, y)), ("mouseMoved", (x + right, y + down)),
                     ("mouseReleased", (x + right, y + down))):  # fmt: skip
        browser.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", buttons=1, clickCount=1,
                     modifiers=modifiers)  # fmt: skip


def middle(browser: chromium.Chromium, canvas: str) -> tuple[float, float]:
    x, y = browser.run(f"(box => [box.x + box.width / 2, box.y + box.height / 2])({canvas}.getBoundingClientRect())")
    return x, y


def wheel(browser: chromium.Chromium, canvas: str, by: int) -> None:
    """Turn the mouse wheel over the middle of a canvas."""
    x, y = middle(browser, canvas)
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
    browser.until("[...document.querySelectorAll('[data-cy^=study-browser] img')].some(img => img.naturalWidth > 0)")

    wheel(browser, CANVAS, 120)
    second = int(browser.until("(document.body.innerText.match(/I:(\\d+) \\(2\\/3\\)/) || [])[1]"))
    assert second != first and sees(browser, CANVAS, second)

    asked = [one["params"]["request"] for one in browser.heard if one["method"] == "Network.requestWillBeSent"]
    assert all(one["url"].startswith((county.hub.http, "blob:", "data:")) for one in asked)
    assert any(f"/dicom-web/studies/{uid}/series/" in one["url"] and "/thumbnail" in one["url"] for one in asked)
    assert not any("00100020=" in one["url"] for one in asked)
    assert not any("authorization" in {name.lower() for name in one["headers"]} for one in asked)

    browser.call("Network.clearBrowserCookies")
    browser.open(f"{county.hub.http}/viewer/viewer?StudyInstanceUIDs={uid}")
    assert "OperationOutcome" in browser.text()


PICTURE = "document.getElementById('picture')"
SHIFT = 8


def test_the_small_viewer_shows_scrolls_windows_and_zooms_by_mouse_and_keys(
    county: County, browser: chromium.Chromium
) -> None:
    uid = pattern.sent(county).StudyInstanceUID
    sign_in(county, browser, "centre")
    browser.open(f"{county.hub.http}/viewer/basic?StudyInstanceUIDs={uid}")
    assert sees(browser, PICTURE, 1)
    told = browser.text()
    for words in ("林 晓燕", "图样<CT>", "三幅图", "1 / 3", "窗宽 W 1000", "窗位 L 500", "肺窗"):
        assert words in told, words
    browser.until("document.querySelector('#series img').naturalWidth > 0")

    press(browser, "ArrowDown")
    assert sees(browser, PICTURE, 2) and "2 / 3" in browser.text()
    press(browser, "End")
    assert sees(browser, PICTURE, 3)
    wheel(browser, PICTURE, -120)
    assert sees(browser, PICTURE, 2)

    press(browser, "3")
    assert sees(browser, PICTURE, 2, 40, 400)
    drag(browser, PICTURE, 100, 60)
    center, width = 40 + 60, 400 + 100
    assert sees(browser, PICTURE, 2, center, width) and f"窗宽 W {width}" in browser.text()
    press(browser, "1")
    assert sees(browser, PICTURE, 2)

    press(browser, "+")
    assert not sees_now(browser, 2)
    press(browser, "0")
    assert sees(browser, PICTURE, 2)
    drag(browser, PICTURE, 40, 0, SHIFT)
    assert not sees_now(browser, 2) and "窗宽 W 1000" in browser.text()
    press(browser, "0")
    assert sees(browser, PICTURE, 2)


def sees_now(browser: chromium.Chromium, number: int) -> bool:
    return pattern.likeness(shown(browser, PICTURE), pattern.grey(number)) >= ALIKE


def test_the_small_viewer_draws_an_ecg_to_scale(county: County, browser: chromium.Chromium) -> None:
    study, _ = county.traced()
    uid = study["identifier"][0]["value"].removeprefix("urn:oid:")
    told = county.ask("centre", "GET", f"/dicom-web/studies/{uid}", None, headers={"Accept": "multipart/related"})
    tracing = pydicom.dcmread(BytesIO(told.content[told.content.index(b"\r\n\r\n") + 4 :]))
    group = tracing.WaveformSequence[0]
    microvolts = tracing.waveform_array(0)
    sign_in(county, browser, "centre")
    browser.open(f"{county.hub.http}/viewer/basic?StudyInstanceUIDs={uid}")
    canvas = "document.getElementById('tracing')"
    layout = browser.until(f"{canvas}.dataset.mm && {{...{canvas}.dataset}}")
    mm, margin, columns, rows = (float(layout[name]) for name in ("mm", "margin", "columns", "rows"))
    drawn = shown(browser, canvas) < 200  # the grid is red
    seconds = 10 / columns
    on_the_line = 0
    for lead in range(microvolts.shape[1]):
        left = margin + lead // rows * (seconds * 25 + margin)
        baseline = (lead % rows + 0.5) * drawn.shape[0] / rows
        for at in range(0, len(microvolts), 25):
            x = round((left + at / group.SamplingFrequency * 25) * mm)
            y = round(baseline - microvolts[at, lead] / 1000 * 10 * mm)
            if x < drawn.shape[1] and 2 <= y < drawn.shape[0] - 2 and at <= seconds * group.SamplingFrequency:
                assert drawn[y - 2 : y + 3, x - 1 : x + 2].any(), (lead, at)
                on_the_line += 1
    assert on_the_line > 500 and 0.01 < drawn.mean() < 0.2 and "25 mm/s" in browser.text()


def test_the_small_viewer_offers_a_document_and_says_what_it_cannot_show(
    county: County, browser: chromium.Chromium
) -> None:
    sign_in(county, browser, "centre")
    browser.open(f"{county.hub.http}/viewer/basic?StudyInstanceUIDs={pattern.document(county).StudyInstanceUID}")
    link = browser.until("document.querySelector('#told a') && document.querySelector('#told a').href")
    kind = browser.run(f"fetch('{link}').then(answer => answer.headers.get('Content-Type'))")
    assert kind == "application/pdf" and "PDF" in browser.text()
    browser.open(f"{county.hub.http}/viewer/basic?StudyInstanceUIDs=1.2.3.4")
    browser.until("document.body.innerText.includes('没有此检查')")


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
