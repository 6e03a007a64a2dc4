"""Images that come after the final report: its reader is told once for each batch, and the report is marked."""

from collections.abc import Callable
from typing import Any

from hub.contracts.caller import EVERYTHING
from hub.contracts.codes import DICOM_UID, IMAGES_AFTER_REPORT
from hub.contracts.submission import Channel

County = Any
Report = Callable[..., dict[str, Any]]


def images(county: County, *uids: str) -> None:
    study = {
        "resourceType": "ImagingStudy", "id": "s1", "status": "available", "subject": {"reference": "Patient/p1"},
        "identifier": [{"system": DICOM_UID, "value": "urn:oid:2.25.2"}],
        "series": [{
            "uid": "2.25.3", "modality": {"code": "CT"},
            "instance": [{"uid": uid, "sopClass": {"code": "urn:oid:1.2"}} for uid in uids],
        }],
    }  # fmt: skip
    county.send("clinic", study, channel=Channel.DICOM)


def told(county: County, kind: str) -> list[dict[str, Any]]:
    changes = [change for change in county.store.changes_since(0, 1000) if change.type == kind]
    found = {change.id: county.read(f"{kind}/{change.id}", EVERYTHING) for change in changes}
    if kind == "Task":
        codes = {id_: one["code"]["coding"][0]["code"] for id_, one in found.items()}
        return [one for id_, one in found.items() if codes[id_] == IMAGES_AFTER_REPORT]
    return list(found.values())


def tags(county: County, reference: str) -> list[str]:
    return [tag["code"] for tag in county.read(reference)["meta"].get("tag", ())]


def test_the_reader_is_told_once_for_each_batch_and_the_report_is_marked(county: County, report: Report) -> None:
    county.study()
    images(county, "2.25.10", "2.25.11")
    about = [{"reference": "ImagingStudy/s1"}]
    (sent,) = county.send("centre", report(imagingStudy=about))
    images(county, "2.25.10", "2.25.11")
    assert told(county, "Communication") == []
    images(county, "2.25.10", "2.25.11", "2.25.12", "2.25.13")
    (notice,) = told(county, "Communication")
    assert notice["recipient"] == [{"reference": "Organization/imaging-centre"}]
    assert [one["reference"] for one in notice["about"]] == ["ImagingStudy/s1", sent.reference]
    assert "2 幅" in notice["payload"][0]["contentString"]
    (task,) = told(county, "Task")
    assert (task["status"], task["owner"]["reference"]) == ("requested", "Organization/imaging-centre")
    assert tags(county, sent.reference) == [IMAGES_AFTER_REPORT]
    images(county, "2.25.10", "2.25.11", "2.25.12", "2.25.13", "2.25.14")
    assert len(told(county, "Communication")) == 2
    (task,) = told(county, "Task")
    assert "3 幅" in task["description"]


def test_an_image_that_took_the_place_of_another_counts(county: County, report: Report) -> None:
    county.study()
    images(county, "2.25.10", "2.25.11")
    county.send("centre", report(imagingStudy=[{"reference": "ImagingStudy/s1"}]))
    images(county, "2.25.10", "2.25.12")
    assert len(told(county, "Communication")) == 1


def test_an_amended_report_has_seen_them_and_loses_its_mark(county: County, report: Report) -> None:
    county.study()
    about = [{"reference": "ImagingStudy/s1"}]
    (sent,) = county.send("centre", report(imagingStudy=about))
    images(county, "2.25.10")
    assert tags(county, sent.reference) == [IMAGES_AFTER_REPORT]
    county.send("centre", report("amended", imagingStudy=about, id=sent.id))
    assert tags(county, sent.reference) == []
    images(county, "2.25.10")
    assert len(told(county, "Communication")) == 1


def test_images_before_any_final_report_are_no_news(county: County, report: Report) -> None:
    county.study()
    county.send("centre", report("preliminary", imagingStudy=[{"reference": "ImagingStudy/s1"}]))
    images(county, "2.25.10")
    assert told(county, "Communication") == []
