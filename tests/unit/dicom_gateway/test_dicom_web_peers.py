"""dicomweb-client and Orthanc's DICOMweb plugin as they are used: they search, fetch, look and store."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_objects import EXPLICIT, image, part10
from dicom_parts import QINGSHAN
from dicomweb_client.api import DICOMwebClient
from PIL import Image as Pillow
from pydicom.uid import generate_uid

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from tests.servers.dicom_peers import DICOM_WEB_PLUGIN, missing, orthanc

JPEG_LS, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"


def test_dicomweb_client_stores_looks_and_fetches_transcoded(web: DICOMwebClient) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, (2, 40, 50), np.uint16)
    made = image(Rows=40, Columns=50, NumberOfFrames=2, PixelData=pixels.tobytes())
    answer = web.store_instances([made])
    assert "FailedSOPSequence" not in answer
    named = made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID
    for media_type in ("image/jpeg", "image/png"):
        shown = web.retrieve_instance_rendered(*named, media_types=(media_type,), params={"viewport": "25,25"})
        assert Pillow.open(io.BytesIO(shown)).size == (25, 20)
    shown = web.retrieve_instance_frames_rendered(*named, [2], media_types=("image/png",))
    assert Pillow.open(io.BytesIO(shown)).size == (50, 40)
    for syntax in (JPEG_LS, RLE, EXPLICIT):
        found = web.retrieve_instance(*named, media_types=(("application/dicom", syntax),))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(found.pixel_array, pixels)
    frames = web.retrieve_instance_frames(*named, [1, 2], media_types=(("image/jls", JPEG_LS),))
    assert all(frame.startswith(b"\xff\xd8\xff") for frame in frames)
    frames = web.retrieve_instance_frames(*named, [2, 1])
    assert frames == [pixels[1].tobytes(), pixels[0].tobytes()]


@pytest.mark.skipif(missing("Orthanc", DICOM_WEB_PLUGIN), reason="Orthanc's DICOMweb plugin is not installed")
def test_orthanc_searches_fetches_and_stores_by_dicomweb(
    server: DicomServer, web: DICOMwebClient, tmp_path: Path
) -> None:
    study, series = generate_uid(), generate_uid()
    store = ArchiveInstanceStore(server.archive)
    mine = [
        image(
            SpecificCharacterSet="GB18030", PatientName="陈秀英", StudyInstanceUID=study, SeriesInstanceUID=series,
            InstanceNumber=number,
        )
        for number in (1, 2)
    ]  # fmt: skip
    for made in mine:
        store.store(part10(made), QINGSHAN)
    theirs = part10(image(PatientName="王^芳", SpecificCharacterSet="ISO_IR 192"))
    with orthanc(tmp_path / "orthanc", server.port) as peer:  # type: ignore[attr-defined]
        assert peer.http.put("/dicom-web/servers/hub", json={"Url": f"{web.base_url}/"}).status_code == 200
        asked = {"Uri": "/studies", "Arguments": {"PatientID": "P1", "PatientName": "陈秀英"}}
        (found,) = peer.http.post("/dicom-web/servers/hub/qido", json=asked).json()
        assert study in str(found) and "陈秀英" in str(found), found
        fetched = peer.http.post("/dicom-web/servers/hub/retrieve", json={"Resources": [{"Study": study}]})
        assert fetched.status_code == 200, fetched.text
        ids = peer.http.get("/instances").json()
        contents = {peer.http.get(f"/instances/{one}/file").content for one in ids}
        assert contents == {part10(made) for made in mine}
        sent = {"Resources": [peer.put(theirs)], "Synchronous": True}
        stored = peer.http.post("/dicom-web/servers/hub/stow", json=sent)
        assert stored.status_code == 200, stored.text
    uid = str(pydicom.dcmread(io.BytesIO(theirs)).SOPInstanceUID)
    row = server.archive.index.of_owner("qingshan", uid)
    assert row is not None
    with server.archive.files.file(row) as content:
        assert content[:] == theirs
