"""WADO-URI, and what the capabilities say of all this."""

import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
from defusedxml import ElementTree
from dicom_objects import EXPLICIT, IMPLICIT, image, part10
from dicom_parts import BAIHE, CENTRE, QINGSHAN, Ask, RecordingAudit
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from test_dicom_pixels import sample
from test_dicom_web_rendered import document, ramp
from test_dicom_web_retrieve import keep

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.web.capabilities import CAPABILITIES

JPEG_LS = "1.2.840.10008.1.2.4.80"
Wado = Callable[..., httpx.Response]


@pytest.fixture
def wado(ask: Ask) -> Wado:
    def asked(made: Dataset, query: str = "", **more: Any) -> httpx.Response:
        named = f"studyUID={made.StudyInstanceUID}&seriesUID={made.SeriesInstanceUID}&objectUID={made.SOPInstanceUID}"
        return ask(f"/wado?requestType=WADO&{named}{query}", **more)

    return asked


def shown(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return np.asarray(Pillow.open(io.BytesIO(answer.content)))


def test_an_image_comes_as_a_jpeg_or_as_what_is_asked_for(wado: Wado, store: ArchiveInstanceStore) -> None:
    made = ramp()
    keep(store, made)
    assert wado(made).headers["content-type"] == "image/jpeg"
    windowed = shown(wado(made, "&contentType=image/png&windowCenter=1024&windowWidth=2"))
    assert set(windowed[0]) == {0, 255}
    assert shown(wado(made, "&contentType=image/png&rows=8&columns=64")).shape == (4, 64)
    assert shown(wado(made, "&contentType=image/webp,image/png&rows=8")).shape == (8, 128)
    assert shown(wado(made, "&contentType=image/png&region=0.5,0,1,1")).shape == (16, 128)
    assert shown(wado(made, "&contentType=image/png&region=0.5,0,1,1&columns=64")).shape == (8, 64)
    assert wado(made, "&contentType=text/html").status_code == 406
    assert "annotation" in wado(made, "&annotation=patient").headers["warning"]


def test_an_object_comes_as_it_is_or_in_another_syntax(wado: Wado, store: ArchiveInstanceStore) -> None:
    made = ramp()
    keep(store, made)
    answer = wado(made, "&contentType=application/dicom")
    assert (answer.headers["content-type"], answer.content) == ("application/dicom", part10(made))
    for syntax in (JPEG_LS, IMPLICIT):
        answer = wado(made, f"&contentType=application/dicom&transferSyntax={syntax}")
        found = pydicom.dcmread(io.BytesIO(answer.content))
        assert found.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(found.pixel_array, made.pixel_array)


def test_a_compressed_object_comes_uncompressed_unless_asked_for(wado: Wado, store: ArchiveInstanceStore) -> None:
    content = sample("MR_small_RLE.dcm").read_bytes()
    made = pydicom.dcmread(io.BytesIO(content))
    store.store(content, QINGSHAN)
    found = pydicom.dcmread(io.BytesIO(wado(made, "&contentType=application/dicom").content))
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert np.array_equal(found.pixel_array, made.pixel_array)
    assert wado(made, "&contentType=application/dicom&transferSyntax=*").content == content
    assert wado(made, "&contentType=application/dicom&transferSyntax=1.2.3").status_code == 406


def test_a_document_comes_as_it_was_put_in(wado: Wado, store: ArchiveInstanceStore) -> None:
    made = document()
    keep(store, made)
    assert wado(made).headers["content-type"] == "application/pdf"
    assert wado(made, "&contentType=application/pdf").content.startswith(b"%PDF")
    assert wado(made, "&contentType=image/jpeg").status_code == 406


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("&anonymize=yes", 501, "anonymize"), ("&presentationUID=1.2", 501, "presentationUID"),
        ("&windowCenter=1", 400, "windowCenter"), ("&windowCenter=1&windowWidth=0", 400, "windowWidth"),
        ("&rows=0", 400, "rows"), ("&frameNumber=x", 400, "frameNumber"), ("&frameNumber=2", 404, ""),
        ("&imageQuality=500", 400, "imageQuality"), ("&region=1,0,0,1", 400, "region"), ("&rows=1&rows=2", 400, "rows"),
    ],
)  # fmt: skip
def test_what_is_refused_is_named(wado: Wado, store: ArchiveInstanceStore, query: str, status: int, named: str) -> None:
    made = ramp()
    keep(store, made)
    answer = wado(made, query)
    assert answer.status_code == status
    assert named in str(answer.json()["issue"][0])


def test_every_uid_is_needed_and_seen_only_by_those_who_may(
    ask: Ask, wado: Wado, store: ArchiveInstanceStore, archive: Archive, audit: RecordingAudit
) -> None:
    made = ramp()
    keep(store, made)
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE study SET patient = 'p-1'")).result()
    assert ask(f"/wado?requestType=WADO&studyUID={made.StudyInstanceUID}").status_code == 400
    assert ask("/wado").status_code == 400
    assert wado(made, caller=BAIHE).status_code == 404
    assert wado(made, caller=CENTRE).status_code == 200
    assert audit.notes == [("centre", "wado", ("p-1",))]


def test_capabilities_name_every_resource_and_method(ask: Ask, store: ArchiveInstanceStore) -> None:
    answer = ask("/", method="OPTIONS")
    assert answer.headers["content-type"] == "application/vnd.sun.wadl+xml"
    space = "{http://wadl.dev.java.net/2009/02}"
    found = {
        (resource.get("path"), method.get("name"))
        for resource in ElementTree.fromstring(answer.content).iter(f"{space}resource")
        for method in resource.iter(f"{space}method")
    }
    assert found == {(one.path, one.method) for one in CAPABILITIES}
    told = ask("", method="OPTIONS", headers={"accept": "application/json"}).json()
    assert told["base"] == "http://hub.test/dicom-web"
    assert {one["path"] for one in told["resources"]} == {path for path, _method in found}
    made = image()
    keep(store, made)
    values = {
        "study": made.StudyInstanceUID, "series": made.SeriesInstanceUID, "instance": made.SOPInstanceUID,
        "frames": "1", "path": "7FE00010",
    }  # fmt: skip
    for one in CAPABILITIES:
        if one.method == "GET" and one.path != "wado":
            assert ask("/" + one.path.format(**values)).status_code == 200, one.path


def test_capabilities_of_one_resource(ask: Ask) -> None:
    answer = ask("/studies", method="OPTIONS", headers={"accept": "application/json"})
    assert answer.headers["allow"] == "GET, OPTIONS, POST"
    assert all(one["path"].startswith("studies") for one in answer.json()["resources"])
    assert ask("/studies/1.2.3/metadata", method="OPTIONS").headers["allow"] == "GET, OPTIONS"
    assert ask("/nothing", method="OPTIONS").status_code == 404
    assert ask("/", method="OPTIONS", headers={"accept": "image/png"}).status_code == 406
