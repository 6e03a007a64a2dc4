"""Storage commitment: the answer, the report on an association of our own, retries, restarts."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_clients import association, keys
from dicom_objects import CT, image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingAudit, RecordingHub
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import STORAGE_COMMITMENT
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING
from hub.security.policy import Policy

WELL_KNOWN = "1.2.840.10008.1.20.1.1"


class Device:
    """A modality that waits for reports; ``statuses`` answers them in turn, then 0000."""

    def __init__(self) -> None:
        self.reports: list[tuple[int, Dataset]] = []
        self.statuses: list[int] = []
        ae = AE(ae_title="QINGSHAN")
        ae.add_supported_context(STORAGE_COMMITMENT, scu_role=True, scp_role=True)
        self.server: Any = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take)]
        )

    def _take(self, event: Any) -> tuple[int, None]:
        status = self.statuses.pop(0) if self.statuses else 0
        if not status:
            self.reports.append((event.event_type, event.event_information))
        return status, None

    def report(self) -> tuple[int, Dataset]:
        deadline = time.monotonic() + 10
        while not self.reports and time.monotonic() < deadline:
            time.sleep(0.02)
        (found,) = self.reports
        return found


@pytest.fixture
def settings() -> DicomSettings:
    return DicomSettings(
        quiet_seconds=600, free_space_floor_bytes=0, network_seconds=5, association_seconds=5, retry_seconds=0.1
    )


@pytest.fixture
def device(recording_hub: RecordingHub) -> Iterator[Device]:
    made = Device()
    recording_hub.places["QINGSHAN"] = ("127.0.0.1", made.server.server_address[1])
    yield made
    made.server.shutdown()


def request(*objects: tuple[str, str], transaction: str = "1.2.99") -> Dataset:
    items = [keys(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid) for sop_class, uid in objects]
    return keys(TransactionUID=transaction, ReferencedSOPSequence=items)


def ask(
    server: Any, information: Dataset, action: int = 1, instance: str = WELL_KNOWN, ae_title: str = "QINGSHAN"
) -> int:
    with association(server, STORAGE_COMMITMENT, ae_title=ae_title) as made:
        status, _reply = made.send_n_action(information, action, STORAGE_COMMITMENT, instance)
    return int(status.Status)


def fill(server: DicomServer, *uids: str, caller: Any = QINGSHAN) -> None:
    for uid in uids:
        ArchiveInstanceStore(server.archive).store(part10(image(SOPInstanceUID=uid)), caller)


def test_objects_that_are_kept_are_committed_on_a_new_association(server: DicomServer, device: Device) -> None:
    fill(server, "1.2.1", "1.2.2")
    assert ask(server, request((CT, "1.2.1"), (CT, "1.2.2"))) == 0
    event_type, report = device.report()
    assert event_type == 1
    assert report.TransactionUID == "1.2.99"
    assert [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence] == ["1.2.1", "1.2.2"]
    assert "FailedSOPSequence" not in report


def test_what_is_not_here_or_not_whole_is_said_to_be_so(server: DicomServer, device: Device) -> None:
    fill(server, "1.2.1", "1.2.2", "1.2.3")
    fill(server, "1.2.4", caller=BAIHE)
    damaged = server.archive.index.of_owner("qingshan", "1.2.3")
    assert damaged is not None
    blob = server.archive.blobs.root / damaged.sha256.hex()[:2] / damaged.sha256.hex()[2:]  # type: ignore[attr-defined]
    path = next(path for path in (server.archive.spool.path(damaged.spool or "none"), blob) if path.exists())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)
    other_class = "1.2.840.10008.5.1.4.1.1.4"
    asked = request((CT, "1.2.1"), (other_class, "1.2.2"), (CT, "1.2.3"), (CT, "1.2.4"), (CT, "1.2.5"))
    assert ask(server, asked) == 0
    event_type, report = device.report()
    assert event_type == 2
    assert [item.ReferencedSOPInstanceUID for item in report.ReferencedSOPSequence] == ["1.2.1"]
    failed = {item.ReferencedSOPInstanceUID: item.FailureReason for item in report.FailedSOPSequence}
    assert failed == {"1.2.2": 0x0119, "1.2.3": 0x0110, "1.2.4": 0x0112, "1.2.5": 0x0112}


def test_a_report_is_tried_until_the_device_takes_it(server: DicomServer, device: Device) -> None:
    device.statuses = [0x0110, 0x0110]
    fill(server, "1.2.1")
    assert ask(server, request((CT, "1.2.1"))) == 0
    assert device.report()[0] == 1
    deadline = time.monotonic() + 10
    while server.archive.index.commitments.due(1 << 60, 9) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.archive.index.commitments.due(1 << 60, 9) == []


def test_a_report_that_was_due_survives_a_restart(
    tmp_path: Path, settings: DicomSettings, blobs: FolderBlobStore, recording_hub: RecordingHub
) -> None:
    def serve() -> Any:
        made: Any = DicomServer(settings, recording_hub, Policy(), tmp_path / "dicom", blobs, RecordingAudit())
        made.port = made.start()
        return made

    first = serve()
    try:
        fill(first, "1.2.1")
        assert ask(first, request((CT, "1.2.1"))) == 0
    finally:
        first.stop(1)
    device = Device()
    recording_hub.places["QINGSHAN"] = ("127.0.0.1", device.server.server_address[1])
    second = serve()
    try:
        assert device.report()[0] == 1
        assert len(second.archive.index.instances(EVERYTHING, "1.2.3")) == 0
    finally:
        second.stop(1)
        device.server.shutdown()


def test_wrong_requests_are_refused(server: DicomServer, device: Device) -> None:
    fill(server, "1.2.1")
    right = request((CT, "1.2.1"))
    assert ask(server, right, action=2) == 0x0123
    assert ask(server, right, instance="1.2.3") == 0x0112
    assert ask(server, keys(TransactionUID="1.2.3")) == 0x0120
    assert ask(server, keys(ReferencedSOPSequence=right.ReferencedSOPSequence)) == 0x0120
    assert ask(server, right, ae_title="OPERATOR") == 0x0124
    assert device.reports == []
