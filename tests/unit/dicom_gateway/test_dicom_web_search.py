"""QIDO-RS: what is acknowledged is found at once, by its own people, in Chinese too."""

import json
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import BAIHE, CENTRE, OPERATOR, QINGSHAN, Ask, RecordingAudit
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore

STUDY, PATIENT, NAME = "0020000D", "00100020", "00100010"


def found(ask: Ask, path: str, **more: Any) -> list[dict[str, Any]]:
    answer = ask(path, **more)
    if answer.status_code == 204:
        assert answer.content == b""
        return []
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    return list(answer.json())


def values(results: list[dict[str, Any]], tag: str) -> list[Any]:
    return [one[tag]["Value"][0] for one in results]


@pytest.fixture
def county(store: ArchiveInstanceStore) -> dict[str, Dataset]:
    """Four studies of Qingshan, one of Baihe."""
    made = {
        "ct": image(PatientID="P1", PatientName="Zhang^Wei", StudyDate="20260105", AccessionNumber="A-1"),
        "dr": image(PatientID="P2", PatientName="Li^Na", StudyDate="20260210", Modality="DX", AccessionNumber="A-2"),
        "us": image(PatientID="P2", PatientName="Li^Na", StudyDate="20260301", Modality="US", AccessionNumber="B-3"),
        "cn": image(PatientID="P3", PatientName="", StudyDate="20260401", AccessionNumber=""),
        "other": image(PatientID="P1", PatientName="Zhang^Wei", StudyDate="20260105"),
    }
    made["cn"].add_new(0x00100010, "PN", "陈^秀英".encode("gbk"))
    for name, one in made.items():
        store.store(part10(one), BAIHE if name == "other" else QINGSHAN)
    return made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["cn", "us", "dr", "ct"]),
        ("PatientID=P2", ["us", "dr"]),
        ("00100020=P2", ["us", "dr"]),
        ("PatientName=Li*", ["us", "dr"]),
        ("PatientName=li^na", ["us", "dr"]),
        ("PatientName=LI*", ["us", "dr"]),
        ("PatientName=Li^N?", ["us", "dr"]),
        ("PatientName=陈秀英", ["cn"]),
        ("PatientName=陈^秀英", ["cn"]),
        ("PatientName=陈*", ["cn"]),
        ("PatientName=*秀英", ["cn"]),
        ("PatientName=秀英", []),
        ("PatientName=*", ["cn", "us", "dr", "ct"]),
        ("StudyDate=20260210", ["dr"]),
        ("StudyDate=20260201-20260301", ["us", "dr"]),
        ("StudyDate=20260301-", ["cn", "us"]),
        ("StudyDate=-20260105", ["ct"]),
        ("AccessionNumber=A-*", ["dr", "ct"]),
        ("AccessionNumber=B-3", ["us"]),
        ("ModalitiesInStudy=DX", ["dr"]),
        ("ModalitiesInStudy=DX,US", ["us", "dr"]),
        ("Modality=DX", ["dr"]),
        ("StudyTime=0800-0830", ["cn", "us", "dr", "ct"]),
        ("StudyTime=09-", []),
        ("StudyDate=20260201-20260301&Modality=US", ["us"]),
        ("limit=2", ["cn", "us"]),
        ("limit=2&offset=1", ["us", "dr"]),
        ("limit=2&offset=9", []),
        ("limit=0", []),
        ("PatientID=", ["cn", "us", "dr", "ct"]),
        ("PatientID=nobody", []),
        ("InstanceNumber=1", ["cn", "us", "dr", "ct"]),
        ("InstanceNumber=2", []),
    ],
)
def test_studies_are_found(ask: Ask, county: dict[str, Dataset], query: str, expected: list[str]) -> None:
    uids = values(found(ask, f"/studies?{query}"), STUDY)
    assert uids == [county[name].StudyInstanceUID for name in expected]


def test_a_list_of_uids_is_found(ask: Ask, county: dict[str, Dataset]) -> None:
    asked = [county["ct"].StudyInstanceUID, county["us"].StudyInstanceUID, "1.2.3"]
    for separator in (",", "%5C"):
        results = found(ask, f"/studies?StudyInstanceUID={separator.join(asked)}")
        assert values(results, STUDY) == [asked[1], asked[0]]


def test_a_study_says_all_that_the_standard_asks_for(ask: Ask, store: ArchiveInstanceStore) -> None:
    study = generate_uid()
    first, second = generate_uid(), generate_uid()
    for number, (series, modality) in enumerate([(first, "CT"), (first, "CT"), (second, "SR")]):
        made = image(
            StudyInstanceUID=study, SeriesInstanceUID=series, Modality=modality, InstanceNumber=number,
            StudyDescription="Chest", ReferringPhysicianName="Li^Wen",
        )  # fmt: skip
        store.store(part10(made), QINGSHAN)
    (result,) = found(ask, f"/studies?StudyInstanceUID={study}")
    assert result["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
    assert result["00201206"] == {"vr": "IS", "Value": [2]}
    assert result["00201208"] == {"vr": "IS", "Value": [3]}
    assert result["00081190"]["Value"] == [f"http://hub.test/dicom-web/studies/{study}"]
    assert result["00080056"]["Value"] == ["ONLINE"]
    assert result["00080090"]["Value"] == [{"Alphabetic": "Li^Wen"}]
    assert result["00080050"]["Value"] == ["A1"]
    assert list(result) == sorted(result)


def test_names_are_unicode_and_labelled_so(ask: Ask, county: dict[str, Dataset]) -> None:
    (result,) = found(ask, "/studies?PatientID=P3")
    assert result[NAME]["Value"] == [{"Alphabetic": "陈^秀英"}]
    assert result["00080005"]["Value"] == ["ISO_IR 192"]


def test_series_and_instances_are_found_within_and_across_studies(ask: Ask, county: dict[str, Dataset]) -> None:
    made = county["dr"]
    study, series = made.StudyInstanceUID, made.SeriesInstanceUID
    (within,) = found(ask, f"/studies/{study}/series")
    assert within["0020000E"]["Value"] == [series]
    assert within["00201209"]["Value"] == [1]
    assert PATIENT not in within
    (across,) = found(ask, f"/series?SeriesInstanceUID={series}")
    assert (across[PATIENT]["Value"], across[STUDY]["Value"]) == (["P2"], [study])
    (instance,) = found(ask, f"/studies/{study}/series/{series}/instances")
    assert instance["00080018"]["Value"] == [made.SOPInstanceUID]
    assert (instance["00280010"]["Value"], instance["00280100"]["Value"]) == ([8], [16])
    assert "00080060" not in instance
    (of_study,) = found(ask, f"/studies/{study}/instances")
    assert of_study["00080060"]["Value"] == ["DX"]
    (anywhere,) = found(ask, f"/instances?SOPInstanceUID={made.SOPInstanceUID}")
    assert anywhere[PATIENT]["Value"] == ["P2"]
    assert found(ask, "/instances?Modality=DX&PatientID=P1") == []
    assert len(found(ask, "/series?Modality=DX,US")) == 2


def test_more_attributes_come_on_request(ask: Ask, county: dict[str, Dataset]) -> None:
    made = county["ct"]
    path = f"/studies/{made.StudyInstanceUID}/series/{made.SeriesInstanceUID}/instances"
    (plain,) = found(ask, path)
    (more,) = found(ask, f"{path}?includefield=PatientSex,00280004")
    assert "00100040" not in plain
    assert (more["00100040"]["Value"], more["00280004"]["Value"]) == (["F"], ["MONOCHROME2"])
    (everything,) = found(ask, f"{path}?includefield=all")
    assert everything["00280103"]["Value"] == [0]
    assert "7FE00010" not in everything


def test_fuzzy_matching_is_literal_and_says_so(ask: Ask, county: dict[str, Dataset]) -> None:
    answer = ask("/studies?PatientName=Li^Na&fuzzymatching=true")
    assert len(answer.json()) == 2
    assert answer.headers["warning"].startswith("299 ")
    assert "warning" not in ask("/studies?PatientName=Li^Na").headers


@pytest.mark.parametrize(
    "query",
    [
        "Nonsense=1", "0010002=1", "ZZZZZZZZ=1", "limit=x", "limit=-1", "offset=1.5", "StudyDate=yesterday",
        "StudyDate=20260101-x", "StudyInstanceUID=../..", "fuzzymatching=perhaps", "includefield=Nonsense",
        "StudyTime=noon", "SeriesNumber=one", "PatientID=%ff%fe", "PatientID=1&PatientID=2",
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_read_is_refused_by_name(ask: Ask, query: str) -> None:
    answer = ask(f"/studies?{query}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_each_clinic_finds_its_own_and_the_centre_finds_all(ask: Ask, county: dict[str, Dataset]) -> None:
    assert len(found(ask, "/studies?PatientID=P1", caller=QINGSHAN)) == 1
    assert len(found(ask, "/studies?PatientID=P1", caller=BAIHE)) == 1
    assert len(found(ask, "/studies", caller=BAIHE)) == 1
    assert len(found(ask, "/studies", caller=CENTRE)) == 5
    assert found(ask, f"/studies/{county['ct'].StudyInstanceUID}/series", caller=BAIHE) == []
    assert ask("/studies", caller=OPERATOR).status_code == 403


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200), ("*/*", 200), ("application/dicom+json", 200), ("application/json", 200), ("application/*", 200),
        ("text/html, application/dicom+json;q=0.5", 200), ("application/dicom+json;q=0", 406), ("text/html", 406),
        ('multipart/related; type="application/dicom+xml"', 406),
    ],
)  # fmt: skip
def test_the_accept_header_is_kept_to(ask: Ask, county: dict[str, Dataset], accept: str, status: int) -> None:
    assert ask("/studies", headers={"accept": accept}).status_code == status


def test_what_was_shown_is_audited(ask: Ask, county: dict[str, Dataset], audit: RecordingAudit) -> None:
    found(ask, "/studies")
    assert audit.notes == [("qingshan", "qido", ())]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/studies/1.2.3/nothing", "/studies/1.2/series/1.2/nothing", "/studies/1.2.3/rendered"],
)
def test_an_unknown_resource_is_not_found(ask: Ask, path: str) -> None:
    answer = ask(path)
    assert answer.status_code == 404
    assert json.loads(answer.content)["resourceType"] == "OperationOutcome"


def test_other_methods_are_refused(ask: Ask) -> None:
    for method in ("DELETE", "PUT"):
        answer = ask("/studies", method=method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
        assert ask("/nothing", method=method).status_code == 404


@pytest.mark.parametrize("pattern", ["*" * 40 + "x", "a*a*a*a*a*a*a*a*a*b", "?" * 60])
def test_a_hostile_pattern_costs_no_time(ask: Ask, store: ArchiveInstanceStore, pattern: str) -> None:
    store.store(part10(image(PatientName="a" * 60)), QINGSHAN)
    assert ask("/studies", headers={}).status_code == 200
    assert ask(f"/studies?PatientName={pattern}").status_code in (200, 204)


def test_names_are_found_after_they_change_and_not_when_gone(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive
) -> None:
    made = image(SpecificCharacterSet="ISO_IR 192", PatientName="Chen^XiuYing=陈^秀英")
    store.store(part10(made), QINGSHAN)
    plan = archive.index.rows(
        "EXPLAIN QUERY PLAN SELECT 1 FROM study_name WHERE spelling >= 'chen' AND spelling < 'chen~'"
    )
    assert "SEARCH" in str(plan)
    for asked in ("Chen^XiuYing", "chenxiuying", "Chen*", "陈*", "陈秀英", "*Xiu*"):
        assert len(ask(f"/studies?PatientName={asked}").json()) == 1, asked
    change = archive.index.writer.submit
    change(lambda rows: rows.execute("UPDATE study SET name_key = ?", ('\nodd \\n"name\n',))).result()
    assert ask("/studies?PatientName=Chen*").status_code == 204
    assert archive.index.rows("SELECT spelling FROM study_name") == [('odd  n"name',)]
    change(lambda rows: rows.execute("UPDATE study SET name_key = ''")).result()
    assert archive.index.rows("SELECT * FROM study_name") == []


def test_every_attribute_can_be_searched_by(ask: Ask, store: ArchiveInstanceStore) -> None:
    step = Dataset()
    step.ScheduledProcedureStepID, step.RequestedProcedureID = "S1", "R1"
    for number, name in enumerate(("Alpha", "Beta", "Beta")):
        made = image(
            Manufacturer=name, StationName=f"ST{number}", PerformedProcedureStepStartTime=f"0{number}0000",
            RequestAttributesSequence=[step] if number else [], PerformingPhysicianName=f"Doc^{number}",
        )  # fmt: skip
        store.store(part10(made), QINGSHAN)
    for query, count in (
        ("Manufacturer=Beta", 2), ("Manufacturer=B*", 2), ("Manufacturer=Beta&StationName=ST2", 1),
        ("00080070=Alpha&PatientID=P1", 1), ("Manufacturer=Gamma", 0), ("Manufacturer=Beta&limit=1", 1),
        ("Manufacturer=Beta&offset=1", 1), ("PerformingPhysicianName=doc^1", 1),
        ("PerformedProcedureStepStartTime=01-02", 2),
        ("RequestAttributesSequence.ScheduledProcedureStepID=S1", 2), ("00400275.00401001=R2", 0),
        ("NumberOfStudyRelatedInstances=1", 3), ("NumberOfStudyRelatedInstances=2", 0),
        ("InstanceAvailability=ONLINE", 3), ("InstanceAvailability=OFFLINE", 0),
        (f"SOPClassesInStudy={made.SOPClassUID}", 3), ("SOPClassesInStudy=1.2.3", 0),
    ):  # fmt: skip
        for level in ("studies", "series", "instances"):
            assert len(found(ask, f"/{level}?{query}")) == count, (level, query)
    assert values(found(ask, "/series?Manufacturer=Alpha"), "00080070") == ["Alpha"]
    for query in (
        "PerformedProcedureStepStartTime=x", "Nonsense=1", "RequestAttributesSequence.Nonsense=1",
        "RequestAttributesSequence=1",
    ):  # fmt: skip
        assert ask(f"/series?{query}").status_code == 400
