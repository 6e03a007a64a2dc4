"""Rendered resources and thumbnails: right pixels, whatever the object says of its values and colours."""

import io
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from dicom_objects import image
from dicom_parts import BAIHE, CENTRE, Ask, RecordingAudit
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid
from test_dicom_web_retrieve import keep, parts, path_of

from dicom_gateway.archive import Archive
from dicom_gateway.instance_store import ArchiveInstanceStore

PNG, JPEG, GIF = "image/png", "image/jpeg", "image/gif"
PDF_CLASS, ECG_CLASS = UID("1.2.840.10008.5.1.4.1.1.104.1"), UID("1.2.840.10008.5.1.4.1.1.9.1.2")


def ramp(**attributes: Any) -> Dataset:
    """256 columns whose stored values are 0, 16, 32 … 4080, sixteen rows of them."""
    values = np.tile(np.arange(0, 4096, 16, dtype="<u2"), (16, 1))
    return image(Rows=16, Columns=256, PixelData=values.tobytes(), **attributes)


def pixels_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return np.asarray(Pillow.open(io.BytesIO(answer.content)))


@pytest.fixture
def shown(ask: Ask, store: ArchiveInstanceStore) -> Callable[..., Any]:
    """Pixels of a stored object, rendered as PNG."""

    def rendered(made: Dataset, query: str = "", accept: str = PNG) -> Any:
        keep(store, made)
        return pixels_of(ask(f"{path_of(made)}/rendered{query}", headers={"accept": accept}))

    return rendered


def test_values_without_a_window_take_the_whole_range(shown: Callable[..., Any]) -> None:
    found = shown(ramp())
    assert (found.dtype, found.shape, found[0, 0], found[0, -1]) == (np.uint8, (16, 256), 0, 255)
    assert abs(int(found[3, 128]) - 128) <= 1


@pytest.mark.parametrize(
    ("query", "black", "white"),
    [
        # stored = (value + 1024), so Hounsfield -160 … 240 are stored 864 … 1264
        ("", 54, 79), ("?window=40,400,linear", 54, 79), ("?window=40,400,LINEAR_EXACT", 54, 79),
        ("?window=40,400", 54, 79), ("?window=1024,2,linear", 128, 129),
    ],
)  # fmt: skip
def test_a_window_is_of_values_after_the_modality_lut(
    shown: Callable[..., Any], query: str, black: int, white: int
) -> None:
    found = shown(ramp(RescaleIntercept=-1024, RescaleSlope=1, WindowCenter=[40, 600], WindowWidth=[400, 1600]), query)
    assert found[0, black - 1] == 0
    assert found[0, white + 1] == 255
    if white - black > 2:
        middle = (864 + 1264) // 2 // 16
        assert abs(int(found[0, middle]) - 127) < 8


def test_a_sigmoid_window_bends(shown: Callable[..., Any]) -> None:
    found = shown(ramp(), "?window=2048,1024,sigmoid")
    expected = 255 / (1 + np.exp(-4 * (np.arange(0, 4096, 16) - 2048) / 1024))
    assert np.abs(found[5].astype(float) - expected).max() <= 1


def test_monochrome1_and_inverse_shape_are_turned(shown: Callable[..., Any]) -> None:
    for attributes in ({"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}):
        found = shown(ramp(**attributes))
        assert (found[0, 0], found[0, -1]) == (255, 0)


def test_signed_values_and_bits_beside_them(shown: Callable[..., Any]) -> None:
    """Twelve bits signed, an overlay in the highest four that is no part of the values."""
    values = np.tile(np.arange(-2048, 2048, 16, dtype=np.int16), (16, 1))
    raw = (values.view(np.uint16) & 0x0FFF) | 0xA000
    made = image(Rows=16, Columns=256, PixelRepresentation=1, PixelData=raw.astype("<u2").tobytes())
    found = shown(made, "?window=0,4096,linear-exact")
    assert (found[0, 0], found[0, -1]) == (0, 254)
    assert abs(int(found[0, 128]) - 128) <= 1


def test_a_voi_lut_of_the_object_is_used(shown: Callable[..., Any]) -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 16])
    item.add_new(0x00283006, "OW", (np.arange(4096) // 1024 * 85 * 257).astype("<u2").tobytes())
    found = shown(ramp(VOILUTSequence=[item]))
    assert set(found[0]) == {0, 85, 170, 255}


def test_a_modality_lut_sequence_is_used(shown: Callable[..., Any]) -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 16])
    item.add_new(0x00283004, "LO", "US")
    item.add_new(0x00283006, "OW", (4095 - np.arange(4096)).astype("<u2").tobytes())
    found = shown(ramp(ModalityLUTSequence=[item]), "?window=2048,4096,linear-exact")
    assert (found[0, 0], found[0, -1]) == (255, 1)


def test_padding_does_not_spoil_the_range(shown: Callable[..., Any]) -> None:
    values = np.tile(np.arange(1000, 1256, dtype="<u2"), (16, 1))
    values[:2] = 4095
    found = shown(image(Rows=16, Columns=256, PixelData=values.tobytes(), PixelPaddingValue=4095))
    assert (found[5, 0], found[5, -1]) == (0, 255)


def test_windows_of_single_frames(ask: Ask, store: ArchiveInstanceStore) -> None:
    groups = []
    for center in (512, 3584):
        item, group = Dataset(), Dataset()
        item.WindowCenter, item.WindowWidth = center, 1024
        group.FrameVOILUTSequence = [item]
        groups.append(group)
    values = np.tile(np.arange(0, 4096, 16, dtype="<u2"), (2, 16, 1))
    made = image(
        Rows=16, Columns=256, NumberOfFrames=2, PixelData=values.tobytes(), PerFrameFunctionalGroupsSequence=groups
    )
    keep(store, made)
    answer = ask(f"{path_of(made)}/frames/1,2/rendered", headers={"accept": f'multipart/related; type="{PNG}"'})
    first, second = [np.asarray(Pillow.open(io.BytesIO(content))) for _kind, content in parts(answer)]
    assert (first[0, 80], second[0, 80]) == (255, 0)
    assert abs(int(second[0, 224]) - 128) <= 1


COLOURS = np.random.default_rng(3).integers(0, 255, (10, 12, 3), np.uint8)


def coloured(photometric: str, content: bytes, **attributes: Any) -> Dataset:
    return image(**{
        "Rows": 10, "Columns": 12, "SamplesPerPixel": 3, "PhotometricInterpretation": photometric,
        "PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": content,
    } | attributes)  # fmt: skip


def test_colours_by_pixel_and_by_plane(shown: Callable[..., Any]) -> None:
    assert np.array_equal(shown(coloured("RGB", COLOURS.tobytes())), COLOURS)
    planes = np.moveaxis(COLOURS, 2, 0).tobytes()
    assert np.array_equal(shown(coloured("RGB", planes, PlanarConfiguration=1)), COLOURS)


def test_luminance_and_chrominance_become_colours(shown: Callable[..., Any]) -> None:
    grey = np.stack([COLOURS[..., 0], np.full((10, 12), 128), np.full((10, 12), 128)], -1).astype(np.uint8)
    found = shown(coloured("YBR_FULL", grey.tobytes()))
    assert np.abs(found.astype(int) - COLOURS[..., :1]).max() <= 1
    pairs = np.zeros((10, 6, 4), np.uint8)
    pairs[..., 0], pairs[..., 1] = COLOURS[:, 0::2, 0], COLOURS[:, 1::2, 0]
    pairs[..., 2] = pairs[..., 3] = 128
    found = shown(coloured("YBR_FULL_422", pairs.tobytes()))
    assert np.abs(found.astype(int) - COLOURS[..., :1]).max() <= 1
    red = np.tile(np.array([76, 85, 255], np.uint8), (10, 12, 1))
    found = shown(coloured("YBR_FULL", red.tobytes()))
    assert np.abs(found.astype(int) - [255, 0, 0]).max() <= 3


def test_a_palette_gives_colours(shown: Callable[..., Any]) -> None:
    made = image(
        Rows=10, Columns=12, PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8, HighBit=7,
        PixelData=np.ascontiguousarray(COLOURS[..., 0]).tobytes(),
    )  # fmt: skip
    for number in range(3):
        made.add_new(0x00281101 + number, "US", [256, 0, 16])
        table = (np.arange(256) * (number + 1) % 256).astype("<u2") << 8
        made.add_new(0x00281201 + number, "OW", table.tobytes())
    found = shown(made)
    index = COLOURS[..., 0].astype(int)
    assert np.array_equal(found, np.stack([index, index * 2 % 256, index * 3 % 256], -1))


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("?viewport=128,128", (8, 128)), ("?viewport=512,16", (16, 256)), ("?viewport=512,512", (32, 512)),
        ("?viewport=100,100,0,0,64,16", (25, 100)), ("?viewport=64,64,,,,", (4, 64)),
        ("?viewport=10,10,250,10,100,100", (10, 10)),
    ],
)  # fmt: skip
def test_a_viewport_is_filled_with_proportions_kept(
    shown: Callable[..., Any], query: str, size: tuple[int, int]
) -> None:
    assert shown(ramp(), query).shape == size


def test_a_negative_width_mirrors(shown: Callable[..., Any]) -> None:
    made = ramp()
    plain, mirrored = shown(made, "?viewport=256,16"), shown(made, "?viewport=256,16,0,0,-256,16")
    assert np.array_equal(plain[:, ::-1], mirrored)


def test_quality_is_of_jpeg(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = coloured(
        "RGB", np.random.default_rng(3).integers(0, 255, (64, 64, 3), np.uint8).tobytes(), Rows=64, Columns=64
    )
    keep(store, made)
    sizes = [len(ask(f"{path_of(made)}/rendered?quality={q}").content) for q in (5, 50, 100)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2
    assert ask(f"{path_of(made)}/rendered").headers["content-type"] == JPEG


@pytest.mark.parametrize(
    "query",
    ["window=1", "window=1,0,linear", "window=a,b", "window=1,2,cubic", "window=nan,1", "viewport=0,10", "viewport=10",
     "viewport=99999,1", "viewport=1,1,-5,0,1,1", "viewport=1,1,0,0,0,1", "quality=0", "quality=101", "quality=x"],
)  # fmt: skip
def test_malformed_parameters_are_named(ask: Ask, store: ArchiveInstanceStore, query: str) -> None:
    made = image()
    keep(store, made)
    answer = ask(f"{path_of(made)}/rendered?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in str(answer.json()["issue"][0])


def test_annotations_are_not_burnt_in_and_that_is_said(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image()
    keep(store, made)
    answer = ask(f"{path_of(made)}/rendered?annotation=patient,technique")
    assert "annotation values are not supported: patient, technique" in answer.headers["warning"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [("", 200), ("*/*", 200), ("image/*", 200), (PNG, 200), (GIF, 200), ("image/webp", 406), ("application/dicom", 406),
     ("image/webp, image/png;q=0.5", 200), (f"multipart/related; type={JPEG}", 200), ("text/html", 406)],
)  # fmt: skip
def test_media_types_of_pictures(ask: Ask, store: ArchiveInstanceStore, accept: str, status: int) -> None:
    made = image()
    keep(store, made)
    assert ask(f"{path_of(made)}/rendered", headers={"accept": accept}).status_code == status


def test_a_series_comes_as_parts_and_what_is_no_picture_is_counted(ask: Ask, store: ArchiveInstanceStore) -> None:
    study, series = generate_uid(), generate_uid()
    images = [image(StudyInstanceUID=study, SeriesInstanceUID=series, InstanceNumber=n) for n in (1, 2)]
    text = document(StudyInstanceUID=study, SeriesInstanceUID=series)
    keep(store, *images, text)
    answer = ask(f"{path_of(images[0], 'series')}/rendered", headers={"accept": f'multipart/related; type="{PNG}"'})
    assert [kind for kind, _content in parts(answer)] == [PNG, PNG]
    assert "1 instances could not be rendered" in answer.headers["warning"]
    assert ask(f"{path_of(images[0], 'study')}/rendered", headers={"accept": PNG}).status_code == 406
    assert ask(f"{path_of(images[0], 'study')}/rendered").status_code == 200


def cine() -> Dataset:
    values = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 100, 200)])
    return image(NumberOfFrames=3, BitsAllocated=8, BitsStored=8, HighBit=7, FrameTime=40, PixelData=values.tobytes())


def test_a_cine_is_animated_or_comes_frame_by_frame(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = cine()
    keep(store, made)
    moving = Pillow.open(io.BytesIO(ask(f"{path_of(made)}/rendered", headers={"accept": GIF}).content))
    assert (moving.n_frames, moving.info["duration"]) == (3, 40)  # type: ignore[attr-defined]
    answer = ask(f"{path_of(made)}/rendered", headers={"accept": f'multipart/related; type="{PNG}"'})
    levels = [np.asarray(Pillow.open(io.BytesIO(content)))[0, 0] for _kind, content in parts(answer)]
    assert levels == [0, 100, 200]
    assert pixels_of(ask(f"{path_of(made)}/frames/3/rendered", headers={"accept": PNG}))[0, 0] == 200
    assert ask(f"{path_of(made)}/frames/4/rendered").status_code == 404
    assert ask(f"{path_of(made)}/frames/0/rendered").status_code == 400


def document(**attributes: Any) -> Dataset:
    made = image(
        SOPClassUID=PDF_CLASS, Modality="DOC", EncapsulatedDocument=b"%PDF-1.4 made u",
        MIMETypeOfEncapsulatedDocument="text/html", **attributes,
    )  # fmt: skip
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(made, keyword)
    return made


def test_a_document_is_given_as_it_was_put_in(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = document()
    keep(store, made)
    answer = ask(f"{path_of(made)}/rendered", headers={"accept": "application/pdf"})
    assert (answer.content, answer.headers["content-type"]) == (b"%PDF-1.4 made u", "application/pdf")
    assert ask(f"{path_of(made)}/rendered", headers={"accept": PNG}).status_code == 406
    part = ask(f"{path_of(made)}/rendered", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"%PDF", "bytes 0-3/15")
    assert ask(f"{path_of(made)}/rendered", headers={"range": "bytes=-4"}).content == b"de u"
    assert ask(f"{path_of(made)}/rendered", headers={"range": "bytes=99-"}).status_code == 416


def test_a_video_is_given_as_it_was_put_in(ask: Ask, store: ArchiveInstanceStore) -> None:
    content = bytes(range(200)) * 10
    made = image("1.2.840.10008.1.2.4.102", NumberOfFrames=50, PixelData=encapsulate([content]))
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    keep(store, made)
    answer = ask(f"{path_of(made)}/rendered", headers={"accept": "video/mp4"})
    assert (answer.content, answer.headers["content-type"]) == (content, "video/mp4")
    part = ask(f"{path_of(made)}/rendered", headers={"range": "bytes=100-299", "accept": "video/*"})
    assert (part.status_code, part.content) == (206, content[100:300])


def test_an_ecg_is_no_picture_but_its_samples_are_bulk_data(ask: Ask, store: ArchiveInstanceStore) -> None:
    waveform = Dataset()
    waveform.add_new(0x54001010, "OW", np.arange(2000, dtype="<i2").tobytes())
    made = document()
    made.SOPClassUID, made.Modality, made.WaveformSequence = ECG_CLASS, "ECG", [waveform]
    del made.EncapsulatedDocument
    keep(store, made)
    assert ask(f"{path_of(made)}/rendered").status_code == 406
    uri = ask(f"{path_of(made)}/metadata").json()[0]["54000100"]["Value"][0]["54001010"]["BulkDataURI"]
    path, octets = uri.removeprefix("http://hub.test/dicom-web"), "application/octet-stream"
    assert ask(path, headers={"accept": octets}).content == waveform[0x54001010].value
    some = ask(path, headers={"accept": octets, "range": "bytes=100-199"})
    assert (some.status_code, some.content) == (206, waveform[0x54001010].value[100:200])
    assert pixels_of(ask(f"{path_of(made)}/thumbnail")).shape == (128, 128)


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_a_thumbnail_at_every_level(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ramp()
    keep(store, made)
    first = ask(f"{path_of(made, level)}/thumbnail")
    assert pixels_of(first).shape == (8, 128)
    monkeypatch.setattr("dicom_gateway.web.thumbnail.picture", None)  # it is not made again
    assert ask(f"{path_of(made, level)}/thumbnail").content == first.content
    monkeypatch.undo()
    assert pixels_of(ask(f"{path_of(made, level)}/thumbnail?viewport=64,64", headers={"accept": PNG})).shape == (4, 64)
    assert ask(f"{path_of(made, level)}/thumbnail?viewport=5000,64").status_code == 400
    kept = [path for path in (archive.spool.folder.parent / "thumbnails").rglob("*") if path.is_file()]
    assert not any(made.PatientID in path.name for path in kept)


def test_a_thumbnail_of_one_frame(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = cine()
    keep(store, made)
    assert abs(int(pixels_of(ask(f"{path_of(made)}/frames/3/thumbnail"))[64, 64]) - 200) <= 2
    assert abs(int(pixels_of(ask(f"{path_of(made)}/thumbnail"))[64, 64]) - 100) <= 2


def test_pictures_are_for_those_who_may_see_them(
    ask: Ask, store: ArchiveInstanceStore, archive: Archive, audit: RecordingAudit
) -> None:
    made = image()
    keep(store, made)
    archive.index.writer.submit(lambda connection: connection.execute("UPDATE study SET patient = 'p-1'")).result()
    for end in ("rendered", "thumbnail", "frames/1/rendered", "frames/1/thumbnail"):
        assert ask(f"{path_of(made)}/{end}", caller=BAIHE).status_code == 404
        assert ask(f"{path_of(made)}/{end}", caller=CENTRE).status_code == 200
    assert audit.notes == [("centre", "wado", ("p-1",))] * 4


def test_what_cannot_be_decoded_is_said(ask: Ask, store: ArchiveInstanceStore) -> None:
    made = image("1.2.840.10008.1.2.4.90", PixelData=encapsulate([b"\xff\x4f\xff\x51" + bytes(40)]))
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    keep(store, made)
    answer = ask(f"{path_of(made)}/rendered")
    assert answer.status_code == 406
    assert "transfer-syntax=*" in answer.text
