"""The Modality Worklist towards devices: matching, what is returned, profiles, and the view of one device's list."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from dicom_clients import association, find, keys
from dicom_parts import BAIHE, CENTRE, OPERATOR, QINGSHAN, RecordingAudit, RecordingHub
from pydicom.dataset import Dataset

from dicom_gateway.device import DeviceProfile
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import MODALITY_WORKLIST_FIND
from hub.contracts.caller import Caller, Role
from hub.contracts.worklist import OrderedPatient, ScheduledOrder

CHEN = OrderedPatient("p1", "陈^秀英", "Q7", "", "1955-01-01", "female")
LOINC = "http://loinc.org"


def order(id_: str, **more: Any) -> ScheduledOrder:
    values: dict[str, Any] = {
        "id": id_, "why_not": "", "accession_number": f"ACC{id_}", "modality": "CT", "name": "胸部CT平扫",
        "code": (LOINC, "36813-4", "CT Chest"), "start": "2026-12-01T09:30:00+08:00", "priority": "routine",
        "owner": "qingshan", "performers": (), "patient": CHEN, "placer_number": "P9", "requester": "李文",
    }  # fmt: skip
    return ScheduledOrder(**values | more)


@pytest.fixture
def settings() -> DicomSettings:
    devices = {
        "BAIHE": DeviceProfile(x_ray="CR", character_set="ISO_IR 192"),
        "CT01": DeviceProfile(modalities=frozenset({"CT"}), station_name="CT-ROOM-1"),
    }
    return DicomSettings(free_space_floor_bytes=0, network_seconds=5, association_seconds=5, devices=devices)


@pytest.fixture(autouse=True)
def orders(recording_hub: RecordingHub) -> None:
    recording_hub.titles["CT01"] = QINGSHAN
    x_ray = order("2", modality="XR", name="胸部正位片", start="2026-12-02", code=("", "", ""), priority="stat")
    lab = order("3", why_not="不是影像检查 not imaging (lab)", modality="", name="血常规")
    recording_hub.orders = {"qingshan": [order("1"), x_ray, lab], "baihe": [order("4", modality="XR")]}


def worklist(server: Any, identifier: Dataset | None = None, **more: Any) -> list[Dataset]:
    status, found = find(server, MODALITY_WORKLIST_FIND, identifier or asked(), **more)
    assert status == 0
    return found


def asked(step: dict[str, Any] | None = None, **more: Any) -> Dataset:
    inner = keys(**({"Modality": "", "ScheduledProcedureStepStartDate": ""} | (step or {})))
    return keys(AccessionNumber="", PatientName="", ScheduledProcedureStepSequence=[inner], **more)


def accessions(found: list[Dataset]) -> list[str]:
    return [one.AccessionNumber for one in found]


def test_every_offered_order_is_an_item_and_no_other(server: DicomServer, audit: RecordingAudit) -> None:
    assert accessions(worklist(server)) == ["ACC1", "ACC2"]
    assert audit.notes == [("qingshan", "worklist", ("p1",))]


def test_an_item_carries_what_a_modality_needs(server: DicomServer) -> None:
    everything = keys(
        AccessionNumber="ACC1", PatientID="", PatientName="", PatientBirthDate="", PatientSex="", StudyInstanceUID="",
        RequestedProcedureID="", RequestedProcedureDescription="", RequestedProcedureCodeSequence=[],
        RequestedProcedurePriority="", ReferringPhysicianName="", PlacerOrderNumberImagingServiceRequest="",
        ScheduledProcedureStepSequence=[], PatientWeight="", SpecificCharacterSet="GB18030",
    )  # fmt: skip
    (item,) = worklist(server, everything)
    assert (item.PatientID, item.PatientName, item.PatientBirthDate, item.PatientSex) == (
        "Q7",
        "陈^秀英",
        "19550101",
        "F",
    )
    assert item.StudyInstanceUID.startswith("2.25.")
    assert item.RequestedProcedureID == "ACC1"
    assert item.RequestedProcedureCodeSequence[0].CodingSchemeDesignator == "LN"
    assert item.RequestedProcedurePriority == "ROUTINE"
    assert item.PlacerOrderNumberImagingServiceRequest == "P9"
    assert "PatientWeight" in item
    (step,) = item.ScheduledProcedureStepSequence
    assert (step.Modality, step.ScheduledStationAETitle) == ("CT", "QINGSHAN")
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("20261201", "093000")
    assert step.ScheduledProcedureStepDescription == "胸部CT平扫"
    assert step.ScheduledProcedureStepID == "ACC1"
    (again,) = worklist(server, everything)
    assert again.StudyInstanceUID == item.StudyInstanceUID


NARROWED: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"Modality": "CT"}, {}, ["ACC1"]),
    ({"Modality": "MR"}, {}, []),
    ({"ScheduledProcedureStepStartDate": "20261202-"}, {}, ["ACC2"]),
    ({"ScheduledProcedureStepStartDate": "20261201-20261201"}, {}, ["ACC1"]),
    ({"ScheduledProcedureStepStartTime": "0900-1000"}, {}, ["ACC1"]),
    ({"ScheduledStationAETitle": "QINGSHAN"}, {"PatientID": "Q7"}, ["ACC1", "ACC2"]),
    ({"ScheduledStationAETitle": "OTHER"}, {}, []),
    ({}, {"PatientName": "陈*", "SpecificCharacterSet": "GB18030"}, ["ACC1", "ACC2"]),
    ({}, {"AccessionNumber": "ACC2"}, ["ACC2"]),
]


def test_a_device_narrows_its_list(server: DicomServer) -> None:
    for step, more, expected in NARROWED:
        identifier = asked(step)
        for name, value in more.items():
            setattr(identifier, name, value)
        assert accessions(worklist(server, identifier)) == expected, (step, more)


def test_x_ray_is_offered_as_the_profile_says_else_as_the_device_asks(server: DicomServer) -> None:
    def modalities(ae_title: str, modality: str) -> list[str]:
        found = worklist(server, asked({"Modality": modality}), ae_title=ae_title)
        return [one.ScheduledProcedureStepSequence[0].Modality for one in found]

    assert modalities("QINGSHAN", "DX") == ["DX"]
    assert modalities("QINGSHAN", "CR") == ["CR"]
    assert modalities("BAIHE", "") == ["CR"]
    assert modalities("BAIHE", "DX") == []
    assert modalities("CT01", "") == ["CT"]


def test_a_profile_names_the_station_and_the_character_set(server: DicomServer) -> None:
    (item,) = worklist(server, keys(PatientName="", ScheduledProcedureStepSequence=[]), ae_title="CT01")
    assert item.ScheduledProcedureStepSequence[0].ScheduledStationName == "CT-ROOM-1"
    assert item.SpecificCharacterSet == "GB18030"
    (item,) = worklist(server, ae_title="BAIHE")
    assert item.SpecificCharacterSet == "ISO_IR 192"


def test_who_may_not_read_orders_gets_none(server: DicomServer, recording_hub: RecordingHub) -> None:
    recording_hub.titles["PATIENT"] = Caller("someone", Role.AUDITOR, "qingshan")
    for title in ("OPERATOR", "PATIENT"):
        assert find(server, MODALITY_WORKLIST_FIND, asked(), ae_title=title) == (0x0124, [])


def test_a_malformed_key_is_refused_with_its_element(server: DicomServer) -> None:
    with association(server, MODALITY_WORKLIST_FIND) as made:
        ((answer, _nothing),) = made.send_c_find(
            asked({"ScheduledProcedureStepStartDate": "tomorrow"}), MODALITY_WORKLIST_FIND
        )
    assert (answer.Status, answer.OffendingElement) == (0xA900, 0x00400002)


def test_the_view_says_of_each_order_why_a_device_does_not_see_it(ask: Any, audit: RecordingAudit) -> None:
    seen = ask("/worklist?ae-title=CT01").json()
    assert seen["organization"] == "qingshan"
    assert {one["order"][-1]: one["shown"] for one in seen["orders"]} == {"1": True, "2": False, "3": False}
    assert {one["order"][-1]: bool(one["why_not"]) for one in seen["orders"]} == {"1": False, "2": True, "3": True}
    assert seen["orders"][0]["patient"] == {"number": "Q7", "name": "陈^秀英"}
    assert audit.notes == [("qingshan", "worklist", ("p1",))]


def test_the_view_is_for_the_devices_own_organization_and_operations(ask: Any) -> None:
    assert ask("/worklist?ae-title=QINGSHAN", caller=BAIHE).status_code == 404
    assert ask("/worklist?ae-title=QINGSHAN", caller=CENTRE).status_code == 404
    assert ask("/worklist?ae-title=NOBODY").status_code == 404
    assert ask("/worklist").status_code == 400
    operations = ask("/worklist?ae-title=QINGSHAN", caller=OPERATOR)
    assert operations.status_code == 200
    assert "陈" not in json.dumps(operations.json()["orders"], ensure_ascii=False)


@pytest.mark.skipif(shutil.which("findscu") is None, reason="DCMTK is not installed")
def test_findscu_reads_the_worklist(server: DicomServer) -> None:
    command = ["findscu", "-v", "-W", "-aet", "QINGSHAN", "-aec", "HUB", "127.0.0.1", str(server.port),  # type: ignore[attr-defined]
               "-k", "AccessionNumber", "-k", "PatientName",
               "-k", "ScheduledProcedureStepSequence[0].Modality=CT"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    said = (done.stdout + done.stderr).decode("gb18030")
    assert said.count("(Pending)") == 1
    assert "[ACC1]" in said
    assert "陈^秀英" in said
