"""DCMTK sends, dicomweb-client asks: the two ends that others use, on the gateway alone."""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
from dicom_objects import data_set_of, image, part10
from dicom_parts import RecordingHub
from dicomweb_client.api import DICOMwebClient

from dicom_gateway.server import DicomServer
from hub.contracts.caller import EVERYTHING

pytestmark = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def county() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_county", ROOT / "samples" / "dicom" / "make_county.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dcmtk(server: Any, *command: str | Path, ae_title: str = "QINGSHAN", no_delay: str = "1") -> str:
    """Run one of DCMTK's tools against the server; what it said, with its exit status first."""
    tool, *arguments = map(str, command)
    done = subprocess.run(
        [tool, "-aet", ae_title, "-aec", "HUB", "127.0.0.1", str(server.port), *arguments],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "TCP_NODELAY": no_delay},
    )  # fmt: skip
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_echo_and_its_refusal(server: DicomServer) -> None:
    assert dcmtk(server, "echoscu").startswith("0")
    assert "Calling AE Title Not Recognized" in dcmtk(server, "echoscu", ae_title="STRANGER")


def test_a_series_sent_by_storescu_is_read_by_dicomweb_client(
    server: DicomServer, web: DICOMwebClient, county: ModuleType, tmp_path: Path, recording_hub: RecordingHub
) -> None:
    files = county.make(tmp_path, date(2026, 11, 20))
    assert dcmtk(server, "storescu", *files["ct"]).startswith("0")
    assert dcmtk(server, "storescu", *files["dr"], no_delay="0").startswith("0")
    studies = web.search_for_studies(search_filters={"PatientName": "陈秀英"})
    assert {one["00080061"]["Value"][0]: one["00201208"]["Value"] for one in studies} == {"CT": [24], "DX": [1]}
    assert [one["00081030"]["Value"] for one in studies if one["00080061"]["Value"] == ["CT"]] == [["胸部CT平扫"]]
    sent = pydicom.dcmread(files["ct"][4])
    study, series, instance = sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID
    assert len(web.search_for_series(study)) == 1
    assert len(web.search_for_instances(study, series, get_remaining=True)) == 24
    metadata = web.retrieve_series_metadata(study, series)
    assert [one["00200013"]["Value"] for one in metadata] == [[number] for number in range(1, 25)]
    assert len(web.retrieve_study_metadata(study)) == 24
    assert web.retrieve_instance_metadata(study, series, instance)["00100010"]["Value"] == [{"Alphabetic": "陈秀英"}]
    assert web.retrieve_instance(study, series, instance).PixelData == sent.PixelData
    assert len(web.retrieve_series(study, series)) == 24
    (frame,) = web.retrieve_instance_frames(study, series, instance, [1])
    assert frame == sent.PixelData
    (pixels,) = web.retrieve_bulkdata(metadata[4]["7FE00010"]["BulkDataURI"])
    assert pixels == sent.PixelData
    deadline = time.monotonic() + 10
    while len(recording_hub.submissions) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(recording_hub.submissions) == 2


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_every_way_of_writing_chinese_reads_right(
    server: DicomServer, web: DICOMwebClient, county: ModuleType, tmp_path: Path
) -> None:
    files = county.make_names(tmp_path, date(2026, 11, 20))
    assert dcmtk(server, "storescu", *files.values()).startswith("0")
    for key, (_label, name, _encoding) in county.NAMES.items():
        (study,) = web.search_for_studies(search_filters={"PatientID": f"N-{key}"})
        expected = dict(zip(("Alphabetic", "Ideographic"), name.split("="), strict=False))
        assert study["00100010"]["Value"] == [expected], key
        (found,) = web.search_for_studies(search_filters={"PatientName": name.split("=")[-1]})
        assert found["00100020"]["Value"] == [f"N-{key}"], key
        (metadata,) = web.retrieve_study_metadata(study["0020000D"]["Value"][0])
        assert metadata["00100010"]["Value"] == [expected], key


@pytest.fixture
def bit_preserving(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's storescp +B, which writes what comes over the line: (port, its folder)."""
    folder = tmp_path / "reference"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    peer = subprocess.Popen(["storescp", "+B", "+xa", "-od", str(folder), str(port)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port, folder
    peer.terminate()
    peer.wait()


def test_files_are_kept_as_a_bit_preserving_receiver_keeps_them(
    server: DicomServer, web: DICOMwebClient, bit_preserving: tuple[int, Path]
) -> None:
    """pydicom's sample files, each in the transfer syntax it was written in. Senders encode anew, so what counts is
    what came over the line."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    port, reference = bit_preserving
    for options, name in (
        ("-xw", "JPEG2000.dcm"), ("-xx", "JPEG-lossy.dcm"), ("-xy", "SC_rgb_jpeg_dcmtk.dcm"),
        ("-xr", "MR_small_RLE.dcm"), ("-xe", "CT_small.dcm"), ("-xi", "rtplan.dcm"), ("-xb", "ExplVR_BigEnd.dcm"),
    ):  # fmt: skip
        assert dcmtk(server, "storescu", options, folder / name).startswith("0"), name
        subprocess.run(["storescu", options, "127.0.0.1", str(port), str(folder / name)], check=True)
        sent = pydicom.dcmread(folder / name)
        (row,) = server.archive.index.instances(EVERYTHING, sent.StudyInstanceUID, None, sent.SOPInstanceUID)
        (kept,) = reference.iterdir()
        assert row.transfer_syntax == pydicom.filereader.read_file_meta_info(kept).TransferSyntaxUID
        with server.archive.files.file(row) as view:
            assert bytes(view)[row.data_set_at :] == data_set_of(kept.read_bytes()), name
        kept.unlink()
        if sent.file_meta.TransferSyntaxUID.is_encapsulated:
            frames = web.retrieve_instance_frames(sent.StudyInstanceUID, sent.SeriesInstanceUID, row.uid, [1])
            assert frames[0] == next(pydicom.encaps.generate_frames(sent.PixelData, number_of_frames=1))


def test_instances_stored_over_http_are_found(server: DicomServer, web: DICOMwebClient) -> None:
    made = image()
    answer = web.store_instances([made])
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [made.SOPInstanceUID]
    assert len(web.search_for_studies(search_filters={"StudyInstanceUID": made.StudyInstanceUID})) == 1
    assert part10(web.retrieve_instance(made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID))[132:]


def test_the_samples_are_the_same_bytes_each_time(county: ModuleType, tmp_path: Path) -> None:
    first, second = (county.make(tmp_path / name, date(2026, 11, 20)) for name in "ab")
    for kind, paths in first.items():
        assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in second[kind]]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_the_file_we_write_around_a_data_set_gives_dciodvfy_no_reason_to_complain(
    server: DicomServer, tmp_path: Path
) -> None:
    sent = Path(pydicom.__file__).parent / "data" / "test_files" / "CT_small.dcm"
    assert dcmtk(server, "storescu", sent).startswith("0")
    header = pydicom.dcmread(sent, stop_before_pixels=True)
    (row,) = server.archive.index.instances(EVERYTHING, header.StudyInstanceUID)
    with server.archive.files.file(row) as view:
        (tmp_path / "kept.dcm").write_bytes(view[:])

    def complaints(path: Path) -> set[str]:
        said = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False).stderr
        return {line for line in said.decode("utf-8", "replace").splitlines() if line.startswith("Error")}

    assert b"CTImage" in subprocess.run(["dciodvfy", str(sent)], capture_output=True, check=False).stderr
    assert complaints(tmp_path / "kept.dcm") <= complaints(sent)
