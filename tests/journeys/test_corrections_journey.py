"""Images of the wrong patient, through the real doors: corrected, rejected, merged, late, and put back."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from hub.contracts.codes import LOCAL_ID
from tests.journeys.county import County
from tests.journeys.running_hub import wait_for

pytestmark = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed")
KOS = UID("1.2.840.10008.5.1.4.1.1.88.59")


def dcmtk(county: County, tool: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """DCMTK's own, not the scripts of that name in the environment of the tests."""
    host, port = str(county.hub.doors["dicom"]).rsplit(":", 1)
    found = shutil.which(tool, path=os.pathsep.join(("/usr/bin", "/usr/local/bin", os.environ["PATH"])))
    assert found
    return subprocess.run([found, "-aet", "QINGSHAN", "-aec", "HUB", host, port, *arguments],
                          capture_output=True, check=True, timeout=60)  # fmt: skip


def fetched(county: County, image: Any, folder: Path) -> pydicom.Dataset:
    """The one object of a study, by C-GET."""
    folder.mkdir()
    dcmtk(county, "getscu", "-S", "-od", str(folder), "-k", "QueryRetrieveLevel=STUDY",
          "-k", f"StudyInstanceUID={image.StudyInstanceUID}")  # fmt: skip
    (path,) = folder.iterdir()
    return pydicom.dcmread(path)


def amend(county: County, path: str, expect: int, **body: Any) -> Any:
    return county.ask("qingshan", "POST", f"/dicom-web/{path}", expect, json=body)


def subject(county: County, image: Any) -> str:
    return str(county.study(image)["subject"]["reference"])


def found_under(county: County, patient_id: str) -> set[str]:
    answer = county.ask("qingshan", "GET", f"/dicom-web/studies?PatientID={patient_id}", None)
    return {one["0020000D"]["Value"][0] for one in answer.json()} if answer.status_code == 200 else set()


def note(image: Any, title: str, folder: Path) -> Path:
    """A rejection note on one object."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = KOS, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = image.StudyInstanceUID, generate_uid()
    made.PatientID, made.PatientName, made.Modality = image.PatientID, "", "KO"
    code, item, series, study = Dataset(), Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = title, "DCM", "Rejected"
    made.ConceptNameCodeSequence = [code]
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = image.SeriesInstanceUID, [item]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = image.StudyInstanceUID, [series]
    made.CurrentRequestedProcedureEvidenceSequence = [study]
    made.ensure_file_meta()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{title}.dcm"
    made.save_as(path, enforce_file_format=True)
    return path


def test_a_study_of_the_wrong_patient_moves_with_all_that_follows_and_back(county: County, tmp_path: Path) -> None:
    wrong, right = county.admit("WP1", name="钱多多"), county.admit("WP2", name="孙圆圆")
    image = county.image("WP1", "钱多多")
    study = county.study(image)
    assert study["subject"]["reference"] == f"Patient/{wrong['id']}"
    (endpoint,) = [county.get("qingshan", f"/fhir/{one['reference']}") for one in study["endpoint"]]
    assert endpoint["address"] == f"{county.hub.http}/dicom-web"
    (task,) = county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
    report = county.read_out(study, task, "心肺未见异常", code={"text": "胸部正位片"})
    assert county.check(wrong["id"], "胸部正位片")["verdict"] == "duplicate"

    path = f"studies/{image.StudyInstanceUID}/corrections"
    made = amend(county, path, 201, patient=f"Patient/{right['id']}", reason="登记时选错患者")
    assert found_under(county, "WP1") == set()
    assert found_under(county, "WP2") == {image.StudyInstanceUID}
    given = fetched(county, image, tmp_path / "corrected")
    assert (given.PatientID, str(given.PatientName)) == ("WP2", "孙圆圆")
    assert given.OriginalAttributesSequence[0].ModifiedAttributesSequence[0].PatientID == "WP1"
    assert given.PixelData == image.PixelData
    assert wait_for(lambda: subject(county, image) == f"Patient/{right['id']}")
    for kind, id_, element in (("Task", task["id"], "for"), ("DiagnosticReport", report, "subject")):
        assert county.get("centre", f"/fhir/{kind}/{id_}")[element] == {"reference": f"Patient/{right['id']}"}
    assert county.find("hospital", "ImagingStudy", patient=wrong["id"]) == []
    assert county.check(wrong["id"], "胸部正位片")["verdict"] == "none"
    assert county.check(right["id"], "胸部正位片")["verdict"] == "duplicate"
    (provenance,) = county.find("qingshan", "Provenance", target=f"ImagingStudy/{study['id']}")
    assert provenance["reason"] == [{"text": "登记时选错患者"}]

    amend(county, f"corrections/{made['id']}/undo", 200, reason="原来没有错")
    assert wait_for(lambda: subject(county, image) == f"Patient/{wrong['id']}")
    assert "OriginalAttributesSequence" not in fetched(county, image, tmp_path / "undone")
    assert county.check(right["id"], "胸部正位片")["verdict"] == "none"
    assert county.check(wrong["id"], "胸部正位片")["verdict"] == "duplicate"


def test_a_rejection_note_takes_a_study_off_every_list(county: County, tmp_path: Path) -> None:
    county.admit("WP3", name="周正正")
    image = county.image("WP3", "周正正")
    study = county.study(image)
    (task,) = county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
    dcmtk(county, "storescu", str(note(image, "113039", tmp_path)))
    assert found_under(county, "WP3") == set()
    assert wait_for(lambda: county.study(image)["status"] == "cancelled")
    assert county.get("centre", f"/fhir/Task/{task['id']}")["status"] == "cancelled"


def test_an_unknown_emergency_patient_is_identified_by_a_merge(county: County, tmp_path: Path) -> None:
    county.admit("JZ9", name="无名氏")
    county.admit("WP4", name="吴知其")
    image = county.image("JZ9", "无名氏")
    county.study(image)
    county.hl7(county.header("ADT^A40^ADT_A39") + "PID|1||WP4^^^QS001^PI||\nMRG|JZ9^^^QS001^PI\n")
    assert wait_for(lambda: found_under(county, "WP4") == {image.StudyInstanceUID})
    assert found_under(county, "JZ9") == set()
    assert str(fetched(county, image, tmp_path / "merged").PatientName) == "吴知其"


def test_the_reader_learns_of_images_that_came_after_the_report(county: County) -> None:
    county.admit("WP5", name="郑晚到")
    image = county.image("WP5", "郑晚到")
    study = county.study(image)
    (task,) = county.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
    report = county.read_out(study, task, "未见异常", code={"text": "胸部正位片"})
    county.image("WP5", "郑晚到", StudyInstanceUID=image.StudyInstanceUID, SOPInstanceUID=generate_uid())
    (alert,) = wait_for(lambda: county.find("centre", "Task", code="images-after-report",
                                            focus=f"ImagingStudy/{study['id']}"))  # fmt: skip
    assert (alert["status"], alert["reasonReference"]["reference"]) == ("requested", f"DiagnosticReport/{report}")
    tags = county.get("qingshan", f"/fhir/DiagnosticReport/{report}")["meta"]["tag"]
    assert [tag["code"] for tag in tags] == ["images-after-report"]


def test_the_page_corrects_decides_and_takes_back(county: County, tmp_path: Path) -> None:
    county.admit("WP6", name="冯改名")
    image = county.image("WP6", "冯改名")
    page = f"/images?study={image.StudyInstanceUID}"

    def shown(who: str = "qingshan") -> str:
        return str(county.ask(who, "GET", page, None).text)

    def posted(what: str, expect: int, **form: str) -> str:
        data = {"study": str(image.StudyInstanceUID), **form}
        answer = county.ask("qingshan", "POST", f"/images/{what}", None, data=data)
        assert answer.status_code == expect, answer.text
        return str(answer.text)

    assert "ISO_IR 192" in shown()
    assert "未完成" in posted("correct", 422, PatientID="WP7")
    posted("correct", 303, PatientID="WP7", PatientName="陈^对", reason="改错")
    assert "陈^对" in shown()
    assert "陈^对" not in shown("operator")
    assert county.ask("centre", "GET", page, None).status_code == 403
    history = county.get("qingshan", f"/dicom-web/studies/{image.StudyInstanceUID}/history")
    posted("undo", 303, correction=str(history["corrections"][0]["id"]), reason="又改回")
    assert found_under(county, "WP6") == {image.StudyInstanceUID}

    image.StudyDescription = "另一个文件头"
    path = tmp_path / "again.dcm"
    image.save_as(path, enforce_file_format=True)
    dcmtk(county, "storescu", str(path))
    (item,) = [one for one in county.get("qingshan", "/quarantine")["items"] if one["key"] == image.SOPInstanceUID]
    assert (item["state"], item["id"] in shown()) == ("reconcile", True)
    posted("reconcile", 303, item=item["id"], take="new", reason="设备上已更正")
    assert county.get("qingshan", f"/quarantine/{item['id']}")["state"] == "replaced"
    (found,) = county.get("qingshan", f"/dicom-web/studies?StudyInstanceUID={image.StudyInstanceUID}")
    assert found["00081030"]["Value"] == ["另一个文件头"]


def test_an_update_by_message_reaches_the_images_and_retention_keeps_them(county: County) -> None:
    county.admit("WP8", name="褚旧名")
    image = county.image("WP8", "褚旧名")
    county.study(image)
    born = county.birth_date("WP8")
    county.hl7(county.header("ADT^A08") + f"PID|1||WP8^^^QS001^PI||褚新名||{born}|F\n")

    def name() -> str:
        (found,) = county.get("qingshan", f"/dicom-web/studies?StudyInstanceUID={image.StudyInstanceUID}")
        return str(found["00100010"]["Value"][0]["Alphabetic"])

    assert wait_for(lambda: name() == "褚新名")
    told = county.hub.run("retention", "--data-dir", str(county.hub.folder))
    assert told.stdout.startswith("0 studies")


def test_an_ecg_of_an_unknown_emergency_patient_moves_whole(county: County) -> None:
    county.admit("WP9", name="卫已知")
    known = county.find("qingshan", "Patient", identifier=f"{LOCAL_ID}/qingshan/PI|WP9")[0]
    receipt = county.ecg("qingshan", None, 201, emergency="true", patient=f"{LOCAL_ID}/qingshan/PI|JZ77", name="无名氏")
    kept = [name for name in receipt["resources"] if not name.startswith(("Patient/", "Binary/"))]
    (study,) = [county.get("qingshan", f"/fhir/{name}") for name in kept if name.startswith("ImagingStudy/")]
    uid = study["identifier"][0]["value"].removeprefix("urn:oid:")
    made = amend(county, f"studies/{uid}/corrections", 201, patient=f"Patient/{known['id']}", reason="身份已明")

    def subjects() -> set[str]:
        return {county.get("qingshan", f"/fhir/{name}")["subject"]["reference"] for name in kept}

    assert wait_for(lambda: subjects() == {f"Patient/{known['id']}"})
    moved = county.get("qingshan", f"/fhir/ImagingStudy/{study['id']}")
    assert {name: moved[name] for name in ("description", "procedureCode", "series")} == {
        name: study[name] for name in ("description", "procedureCode", "series")
    }
    amend(county, f"corrections/{made['id']}/undo", 200, reason="原来没有错")
    assert wait_for(lambda: subjects() == {study["subject"]["reference"]})


def test_what_was_refused_is_stored_by_a_replay_once_nothing_speaks_against_it(county: County, tmp_path: Path) -> None:
    county.admit("WP10", name="蒋重发")
    image = county.image("WP10", "蒋重发")
    first = bytes(image.PixelData)
    image.PixelData = first[::-1]
    path = tmp_path / "other.dcm"
    image.save_as(path, enforce_file_format=True)
    with contextlib.suppress(subprocess.CalledProcessError):  # some versions say it by their exit status
        dcmtk(county, "storescu", str(path))
    (item,) = [one for one in county.get("qingshan", "/quarantine")["items"] if one["key"] == image.SOPInstanceUID]
    assert (item["state"], item["field"]) == ("refused", "(0008,0018)")
    assert county.ask("qingshan", "POST", f"/quarantine/{item['id']}/replay", None).status_code == 409
    gone = f"/dicom-web/studies/{image.StudyInstanceUID}?reason=第一份有误"
    assert county.ask("qingshan", "DELETE", gone) == {"deleted": 1}
    county.ask("qingshan", "POST", f"/quarantine/{item['id']}/replay")
    assert county.get("qingshan", f"/quarantine/{item['id']}")["state"] == "replayed"
    assert fetched(county, image, tmp_path / "replayed").PixelData == image.PixelData
