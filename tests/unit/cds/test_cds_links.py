"""Links of a card: a page of the prior, for a browser that holds no credential."""

import base64
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.security.links import Links

from .county import County, ago, order, report

RESULT = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "钾"},
    "subject": {"reference": "Patient/p1"}, "effectiveDateTime": ago(days=2),
    "valueQuantity": {"value": 4.1, "unit": "mmol/L"},
    "referenceRange": [{"low": {"value": 3.5}, "high": {"value": 5.3}}],
}  # fmt: skip


def _study() -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy", "id": "s1", "status": "available", "subject": {"reference": "Patient/p1"},
        "started": ago(days=5), "description": "胸部CT", "modality": [{"code": "CT"}], "numberOfInstances": 2,
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:2.25.7"}],
        "series": [{"uid": "2.25.8", "modality": {"code": "CT"}, "bodySite": {"display": "胸部"}}],
    }  # fmt: skip


@pytest.fixture
def links(county: County) -> dict[str, str]:
    county.send(
        _study(),
        report("r1", "胸部CT平扫", conclusion="右肺<b>结节", imagingStudy=[{"reference": "ImagingStudy/s1"}]),
    )
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    return {link["label"]: link["url"].removeprefix("http://hub.example") for link in card["links"]}


def test_a_link_opens_the_report_without_a_credential_and_the_look_is_audited(
    county: County, links: dict[str, str]
) -> None:
    county.audit.noted.clear()
    page = county.http("GET", links["查看报告"])
    assert page.status_code == 200
    for words in (
        "右肺&lt;b&gt;结节",
        "胸部CT平扫",
        "城关镇卫生院",
        "测试甲",
        "/viewer/viewer?StudyInstanceUIDs=2.25.7",
    ):
        assert words in page.text
    assert page.headers["Set-Cookie"].startswith("hub_studies=")
    assert county.audit.noted == [("Practitioner/zhang", "read", ("p1",))]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_link_of_a_study_shows_its_series(county: County, links: dict[str, str]) -> None:
    page = county.http("GET", links["查看影像"])
    assert page.status_code == 200
    assert "胸部" in page.text and "右肺" not in page.text


def test_results_keep_their_digits(county: County) -> None:
    county.send(RESULT, report("r1", "电解质", result=[{"reference": "Observation/o1"}]))
    [card] = county.cards(order("draft-1", "钾"))
    page = county.http("GET", card["links"][0]["url"].removeprefix("http://hub.example"))
    assert "4.1 mmol/L" in page.text and "3.5–5.3" in page.text


def test_a_protected_result_in_the_same_report_is_not_shown(county: County) -> None:
    hiv = RESULT | {"id": "o2", "code": {"text": "HIV抗体"}, "valueString": "阳性"}
    del hiv["valueQuantity"], hiv["referenceRange"]
    cited = [{"reference": "Observation/o1"}, {"reference": "Observation/o2"}]
    county.send(RESULT, hiv, report("r1", "入院检验", result=cited, effectiveDateTime=ago(days=2)))
    [card] = county.cards(order("draft-1", "钾"))
    page = county.http("GET", card["links"][0]["url"].removeprefix("http://hub.example")).text
    assert "4.1 mmol/L" in page and "1 项结果受隐私保护" in page
    assert "HIV" not in page and "阳性" not in page


def test_nothing_can_be_read_from_a_link(links: dict[str, str]) -> None:
    token = links["查看报告"].partition("t=")[2]
    opened = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert not any(words in opened for words in (b"r1", b"DiagnosticReport", b"hospital", b"zhang", b"p1"))


@pytest.mark.parametrize("change", [lambda token: "", lambda token: token[:-4], lambda token: "x" + token[1:],
                                    lambda token: token + "&t=" + token, lambda token: "ü" * 2000])  # fmt: skip
def test_another_token_opens_nothing(county: County, links: dict[str, str], change: Any) -> None:
    path, _, token = links["查看报告"].partition("t=")
    county.audit.noted.clear()
    answer = county.http("GET", f"{path}t={change(token)}")
    assert (answer.status_code, county.audit.noted) == (403, [])
    assert "链接已失效" in answer.text


def test_a_link_ends_with_its_time_and_with_its_client(county: County, links: dict[str, str]) -> None:
    county.links._lifetime_seconds = -1
    assert county.http("GET", links["查看报告"]).status_code == 403
    county.links._lifetime_seconds = 900
    county.physician = Caller("another", Role.PHYSICIAN, "hospital")
    assert county.http("GET", links["查看报告"]).status_code == 403


def test_a_link_shows_no_more_than_its_client_may_read_now(county: County, links: dict[str, str]) -> None:
    county.physician = Caller("hospital-his", Role.ADMIN, "hospital")
    assert county.http("GET", links["查看报告"]).status_code == 404


def test_every_process_reads_the_links_of_every_other(county: County, links: dict[str, str]) -> None:
    other = Links(county.store, lambda name: county.physician)
    opened = other.opened(links["查看报告"].partition("t=")[2])
    assert opened is not None and opened[1] == "DiagnosticReport/r1"
    assert opened[0].actor == "Practitioner/zhang"


def test_a_narrowed_order_that_would_not_be_valid_is_not_offered(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    [card] = county.cards(order("draft-1", "胸腹部CT平扫", priority="as fast as you can"))
    assert "suggestions" not in card
    draft = order("draft-1", "胸腹部CT平扫")
    del draft["status"], draft["intent"]
    [card] = county.cards(draft)
    resource = card["suggestions"][0]["actions"][0]["resource"]
    assert (resource["status"], resource["intent"]) == ("draft", "order")
