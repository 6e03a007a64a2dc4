"""Performed procedure steps: states, what the hub is told, the end of the quiet time."""

import json
import time
from typing import Any

import pytest
from dicom_clients import association, keys
from dicom_objects import image, part10
from dicom_parts import QINGSHAN, RecordingHub
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from test_dicom_worklist import order

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import PERFORMED_PROCEDURE_STEP
from hub.contracts.errors import Busy

STEP, STUDY = "1.2.3.77", "1.2.3"


@pytest.fixture
def settings() -> DicomSettings:
    return DicomSettings(
        quiet_seconds=600, free_space_floor_bytes=0, network_seconds=5, association_seconds=5, retry_seconds=0.1
    )


@pytest.fixture(autouse=True)
def ordered(recording_hub: RecordingHub) -> None:
    recording_hub.orders = {"qingshan": [order("1")]}


def begun(status: str = "IN PROGRESS", **more: Any) -> Dataset:
    scheduled = keys(StudyInstanceUID=STUDY, AccessionNumber="ACC1", RequestedProcedureID="ACC1")
    return keys(
        **{
            "PerformedProcedureStepStatus": status, "PerformedProcedureStepID": "1", "Modality": "CT",
            "PatientID": "Q7", "PatientName": "Chen^Xiuying", "PerformedProcedureStepStartDate": "20261201",
            "PerformedProcedureStepStartTime": "093100", "ScheduledStepAttributesSequence": [scheduled], **more,
        }
    )  # fmt: skip


def create(server: Any, attributes: Dataset, uid: str = STEP, ae_title: str = "QINGSHAN") -> Dataset:
    with association(server, PERFORMED_PROCEDURE_STEP, ae_title=ae_title) as made, disable_value_validation():
        status, _attributes = made.send_n_create(attributes, PERFORMED_PROCEDURE_STEP, uid)
    return status


def change(server: Any, uid: str = STEP, ae_title: str = "QINGSHAN", **attributes: Any) -> Dataset:
    with association(server, PERFORMED_PROCEDURE_STEP, ae_title=ae_title) as made, disable_value_validation():
        status, _attributes = made.send_n_set(keys(**attributes), PERFORMED_PROCEDURE_STEP, uid)
    return status


def tasks(hub: RecordingHub, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 10
    while len(told(hub)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return told(hub)


def told(hub: RecordingHub) -> list[dict[str, Any]]:
    return [json.loads(e.body) for s in hub.submissions for e in s.entries if e.type == "Task"]


def test_a_step_is_told_as_a_task_of_its_order(server: DicomServer, recording_hub: RecordingHub) -> None:
    assert create(server, begun()).Status == 0
    (task,) = tasks(recording_hub, 1)
    assert task["status"] == "in-progress"
    assert task["focus"] == {"reference": "ServiceRequest/1"}
    assert task["executionPeriod"] == {"start": "2026-12-01T09:31:00+08:00"}
    assert task["identifier"] == [{"system": "urn:dicom:uid", "value": f"urn:oid:{STEP}"}]
    ended = change(server, PerformedProcedureStepStatus="COMPLETED", PerformedProcedureStepEndDate="20261201",
                   PerformedProcedureStepEndTime="094500")  # fmt: skip
    assert ended.Status == 0
    task = tasks(recording_hub, 2)[-1]
    assert (task["status"], task["executionPeriod"]["end"]) == ("completed", "2026-12-01T09:45:00+08:00")


def test_a_step_that_is_broken_off_fails_its_task_with_the_reason(
    server: DicomServer, recording_hub: RecordingHub
) -> None:
    create(server, begun())
    assert tasks(recording_hub, 1)
    reason = keys(CodeValue="110514", CodingSchemeDesignator="DCM", CodeMeaning="Incorrect worklist entry selected")
    change(server, PerformedProcedureStepStatus="DISCONTINUED",
           PerformedProcedureStepDiscontinuationReasonCodeSequence=[reason])  # fmt: skip
    task = tasks(recording_hub, 2)[-1]
    assert (task["status"], task["statusReason"]["text"]) == ("failed", "Incorrect worklist entry selected")


def test_what_is_ended_stays_as_it_is(server: DicomServer) -> None:
    create(server, begun())
    change(server, PerformedProcedureStepStatus="COMPLETED")
    again = change(server, PerformedProcedureStepStatus="IN PROGRESS")
    assert again.Status == 0x0110
    assert change(server, PerformedProcedureStepStatus="DISCONTINUED").Status == 0x0110


def test_wrong_steps_are_refused(server: DicomServer, recording_hub: RecordingHub) -> None:
    assert create(server, begun(status="COMPLETED")).Status == 0x0106
    without = begun()
    del without.ScheduledStepAttributesSequence
    assert create(server, without).Status == 0x0120
    assert create(server, begun(), uid="1..2").Status == 0x0117
    assert create(server, begun(), ae_title="OPERATOR").Status == 0x0124
    assert change(server, PerformedProcedureStepStatus="COMPLETED").Status == 0x0112
    assert create(server, begun()).Status == 0
    assert create(server, begun()).Status == 0x0111
    assert change(server, PerformedProcedureStepStatus="PAUSED").Status == 0x0106
    assert change(server, ae_title="BAIHE", PerformedProcedureStepStatus="COMPLETED").Status == 0x0112
    assert [task["status"] for task in tasks(recording_hub, 1)] == ["in-progress"]


def test_a_step_without_an_order_or_for_another_patient_tells_of_no_order(
    server: DicomServer, recording_hub: RecordingHub
) -> None:
    create(server, begun(PatientID="Q8"), uid="1.2.1")
    unscheduled = begun()
    unscheduled.ScheduledStepAttributesSequence[0].AccessionNumber = ""
    create(server, unscheduled, uid="1.2.2")
    create(server, begun(), uid="1.2.3")
    assert len(tasks(recording_hub, 1)) == 1
    assert told(recording_hub)[0]["identifier"][0]["value"] == "urn:oid:1.2.3"


def test_the_end_of_a_step_ends_the_quiet_time_of_its_study(server: DicomServer, recording_hub: RecordingHub) -> None:
    ArchiveInstanceStore(server.archive).store(part10(image(StudyInstanceUID=STUDY, PatientID="Q7")), QINGSHAN)
    create(server, begun())
    assert not any(e.type == "ImagingStudy" for s in recording_hub.submissions for e in s.entries)
    change(server, PerformedProcedureStepStatus="COMPLETED")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if any(e.type == "ImagingStudy" for s in recording_hub.submissions for e in s.entries):
            return
        time.sleep(0.02)
    raise AssertionError("the study was not told at once")


def test_a_hub_that_is_busy_is_told_again(server: DicomServer, recording_hub: RecordingHub) -> None:
    recording_hub.failures = [Busy("Later."), Busy("Later.")]
    create(server, begun())
    assert [task["status"] for task in tasks(recording_hub, 1)] == ["in-progress"]
