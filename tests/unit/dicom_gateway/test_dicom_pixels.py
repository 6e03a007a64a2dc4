"""Pixels: decoded from every syntax, encoded, transcoded; and what hostile streams do to it, which is nothing."""

import io
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, image, part10
from dicom_parts import QINGSHAN
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import unpack_bits

from dicom_gateway.archive import Archive
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.pixels.codec import DECODED, ENCODED, JPEG_2000, JPEG_2000_LOSSLESS, JPEG_LS, RLE, as_rgb
from dicom_gateway.pixels.image import image_in
from dicom_gateway.pixels.image_pixel import ImagePixel
from dicom_gateway.pixels.transcode import TARGETS
from dicom_gateway.pixels.workers import CodecWorkers
from dicom_gateway.transfer_syntaxes import TRANSFER_SYNTAXES
from hub.contracts.errors import ExchangeError, TooLarge, Unsupported

OF_EACH_SYNTAX = {
    "MR_small_jp2klossless.dcm": "4.90", "JPEG2000.dcm": "4.91", "MR_small_jpeg_ls_lossless.dcm": "4.80",
    "JPEGLSNearLossless_08.dcm": "4.81", "SC_rgb_jpeg_dcmtk.dcm": "4.50", "JPEG-lossy.dcm": "4.51",
    "JPGLosslessP14SV1_1s_1f_8b.dcm": "4.70", "JPEG-LL.dcm": "4.70", "MR_small_RLE.dcm": "5", "CT_small.dcm": "1",
    "MR_small_bigendian.dcm": "2", "MR_small_implicit.dcm": "", "image_dfl.dcm": "1.99",
    "SC_rgb_rle_16bit_2frame.dcm": "5", "liver.dcm": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def workers() -> Iterator[CodecWorkers]:
    made = CodecWorkers(2, 30)
    yield made
    made.close()


@pytest.fixture
def archive(archive: Archive, workers: CodecWorkers) -> Archive:
    """With the workers of all these tests: starting them is most of the time."""
    archive.codecs = Kept(workers)  # type: ignore[assignment]
    return archive


class Kept:
    """Workers that stay when an archive closes."""

    def __init__(self, workers: CodecWorkers) -> None:
        self.decode, self.encode = workers.decode, workers.encode

    def close(self) -> None:
        """They serve the next test."""


def sample(name: str) -> Path:
    """A file of pydicom's, or of its collection ``pydicom-data``."""
    found = get_testdata_file(name, download=False)
    assert found, name
    return Path(str(found))


def named(name: str) -> Dataset:
    """One as a data set that has the UIDs an archive needs."""
    made = pydicom.dcmread(sample(name))
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if keyword not in made:
            setattr(made, keyword, "1.2.3")
    return made


def opened(content: bytes) -> Any:
    syntax, at = read_file_meta(content)
    return image_in(content, at, len(content), TRANSFER_SYNTAXES[syntax])


def kept(store: ArchiveInstanceStore, archive: Archive, made: Dataset | bytes) -> Any:
    content = made if isinstance(made, bytes) else part10(made)
    store.store(content, QINGSHAN)
    found = archive.index.of_owner("qingshan", str(pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID))
    assert found is not None
    return found


def transcoded(archive: Archive, row: Any, target: str) -> Any:
    with archive.transcoded(row, target) as made:
        made.file.seek(0)
        return pydicom.dcmread(io.BytesIO(made.file.read()))


def colour(**attributes: Any) -> Dataset:
    pixels = np.random.default_rng(5).integers(0, 255, (40, 48, 3), np.uint8)
    return image(
        Rows=40, Columns=48, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
        BitsStored=8, HighBit=7, PixelData=pixels.tobytes(), **attributes,
    )  # fmt: skip


def grey(rows: int = 64, **attributes: Any) -> Dataset:
    pixels = np.random.default_rng(5).integers(0, 4096, (rows, 50), np.uint16)
    return image(Rows=rows, Columns=50, PixelData=pixels.tobytes(), **attributes)


@pytest.mark.parametrize("name", OF_EACH_SYNTAX)
def test_every_syntax_is_decoded(workers: CodecWorkers, archive: Archive, name: str) -> None:
    wanted = named(name)
    content = part10(wanted)
    suffix = OF_EACH_SYNTAX[name]
    assert wanted.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2" + (f".{suffix}" if suffix else "")
    if suffix == "1.99":
        wanted.file_meta.TransferSyntaxUID = EXPLICIT
        content = part10(wanted)
    found = opened(content)
    pixels, photometric = found.frame(found.form.frames, workers)
    if suffix == "4.51":
        assert (pixels.shape, int(pixels.max())) == ((1024, 256), 264)  # as dcmdjpeg gives it
        return
    expected = wanted.pixel_array[-1] if found.form.frames > 1 else wanted.pixel_array
    assert np.array_equal(as_rgb(pixels, photometric), expected)


@pytest.mark.parametrize("suffix", ["201", "202", "203"])
def test_high_throughput_jpeg_2000_is_decoded(workers: CodecWorkers, suffix: str) -> None:
    """The streams, of the patterns computed here, were written by OpenJPH."""
    y, x = np.mgrid[:48, :40]
    grey_pattern = ((x * 31 + y * 17) % 4096).astype(np.uint16)
    colours = np.stack([(x * 5 + y) % 256, (x + y * 3) % 256, (x * 2 + y * 2) % 256], -1).astype(np.uint8)
    for name, pattern in (("grey", grey_pattern), ("rgb", colours)):
        stream = (Path(__file__).parent / "htj2k" / f"{name}.j2c").read_bytes()
        samples, bits = (1, 16) if name == "grey" else (3, 8)
        form = ImagePixel(48, 40, samples, "MONOCHROME2" if samples == 1 else "YBR_RCT", bits, bits, bits - 1)
        pixels, photometric = workers.decode(stream, f"1.2.840.10008.1.2.4.{suffix}", form)
        assert np.array_equal(pixels, pattern)
        assert photometric == ("MONOCHROME2" if samples == 1 else "RGB")


@pytest.mark.skipif(shutil.which("dcmdjpls") is None, reason="DCMTK is not installed")
@pytest.mark.parametrize(("target", "tool"), [(JPEG_LS, "dcmdjpls"), (RLE, "dcmdrle")])
def test_dcmtk_reads_what_is_encoded(
    store: ArchiveInstanceStore, archive: Archive, tmp_path: Path, target: str, tool: str
) -> None:
    for number, made in enumerate((colour(), grey(), grey(PixelRepresentation=1, BitsStored=16, HighBit=15))):
        row = kept(store, archive, made)
        into, out = tmp_path / f"{number}.dcm", tmp_path / f"{number}.out.dcm"
        with archive.transcoded(row, target) as file:
            file.file.seek(0)
            into.write_bytes(file.file.read())
        subprocess.run([tool, str(into), str(out)], check=True, capture_output=True)
        assert np.array_equal(pydicom.dcmread(out).pixel_array, made.pixel_array)


@pytest.mark.parametrize("source", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
@pytest.mark.parametrize("target", TARGETS)
def test_a_transcoded_object_keeps_header_and_pixels(
    store: ArchiveInstanceStore, archive: Archive, source: str, target: str
) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "C1", "99L", "胸部"
    pixels = np.random.default_rng(5).integers(0, 4096, (2, 64, 50), np.uint16)
    made = image(
        source, SpecificCharacterSet="GB18030", PatientName="陈秀英", ProcedureCodeSequence=[item, item],
        Rows=64, Columns=50, NumberOfFrames=2, PixelData=pixels.astype(">u2" if source == BIG else "<u2").tobytes(),
    )  # fmt: skip
    made.add_new(0x00091010, "OB", b"\x01\x02\x03\x04")
    made.add_new(0x00200052, "UI", "1.2.3")
    made.add_new(0x00280106, "US", 7)
    row = kept(store, archive, made)
    found = transcoded(archive, row, target)
    assert found.file_meta.TransferSyntaxUID == target
    assert (found.PatientName, found.ProcedureCodeSequence[1].CodeMeaning) == ("陈秀英", "胸部")
    assert found.SmallestImagePixelValue == 7
    assert found[0x00091010].value == b"\x01\x02\x03\x04"
    assert np.array_equal(found.pixel_array, pixels) or target == JPEG_2000


@pytest.mark.parametrize("target", [JPEG_LS, JPEG_2000_LOSSLESS, RLE, EXPLICIT])
def test_colour_is_transcoded_without_loss(store: ArchiveInstanceStore, archive: Archive, target: str) -> None:
    made = colour()
    found = transcoded(archive, kept(store, archive, made), target)
    assert np.array_equal(found.pixel_array, made.pixel_array)
    assert found.PhotometricInterpretation == ("YBR_RCT" if target == JPEG_2000_LOSSLESS else "RGB")


def test_what_was_compressed_is_given_uncompressed(store: ArchiveInstanceStore, archive: Archive) -> None:
    for name in ("SC_rgb_jpeg_dcmtk.dcm", "MR_small_RLE.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"):
        row = kept(store, archive, sample(name).read_bytes())
        found = transcoded(archive, row, EXPLICIT)
        wanted = pydicom.dcmread(sample(name))
        assert np.array_equal(found.pixel_array, wanted.pixel_array), name
        assert found.PatientID == wanted.PatientID
        assert "YBR" not in found.PhotometricInterpretation


def test_a_lossy_copy_is_another_object_that_names_its_original(store: ArchiveInstanceStore, archive: Archive) -> None:
    made = grey(256)
    row = kept(store, archive, made)
    found = transcoded(archive, row, JPEG_2000)
    assert found.SOPInstanceUID not in ("", made.SOPInstanceUID)
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
    assert transcoded(archive, row, JPEG_2000).SOPInstanceUID == found.SOPInstanceUID
    assert found.SourceImageSequence[0].ReferencedSOPInstanceUID == made.SOPInstanceUID
    assert (found.LossyImageCompression, found.LossyImageCompressionMethod) == ("01", "ISO_15444_1")
    assert found.ImageType[0] == "DERIVED"
    assert 8 < float(found.LossyImageCompressionRatio) < 16  # of the 16 bits allocated, 12 are stored
    lossless = transcoded(archive, row, JPEG_2000_LOSSLESS)
    assert "LossyImageCompression" not in lossless
    assert lossless.SOPInstanceUID == made.SOPInstanceUID


def test_frames_of_single_bits_that_share_bytes(workers: CodecWorkers) -> None:
    bits = np.random.default_rng(3).integers(0, 2, (3, 5, 7), np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    made = image(
        Rows=5, Columns=7, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0,
        PixelData=packed + b"\0" * (len(packed) % 2),
    )  # fmt: skip
    found = opened(part10(made))
    for number in (1, 2, 3):
        assert np.array_equal(found.frame(number, workers)[0], bits[number - 1])
    assert np.array_equal(unpack_bits(packed)[: bits.size], bits.reshape(-1))


def test_what_lies_in_unused_bits_is_not_lost(store: ArchiveInstanceStore, archive: Archive) -> None:
    made = image(Rows=64, Columns=50, PixelData=np.full((64, 50), 0xF123, "<u2").tobytes())
    row = kept(store, archive, made)
    for target in (JPEG_LS, JPEG_2000_LOSSLESS):
        with pytest.raises(Unsupported):
            transcoded(archive, row, target)
    assert transcoded(archive, row, IMPLICIT).PixelData == made.PixelData


def test_bombs_are_not_lit(workers: CodecWorkers, store: ArchiveInstanceStore, archive: Archive) -> None:
    small = pydicom.dcmread(sample("MR_small_jp2klossless.dcm"))
    stream = bytearray(next(pydicom.encaps.generate_frames(small.PixelData, number_of_frames=1)))
    stream[8:16] = (60000).to_bytes(4, "big") * 2  # the stream says 60000 × 60000, the header does not
    small.PixelData = encapsulate([bytes(stream)])
    with pytest.raises(Unsupported):
        opened(part10(small)).frame(1, workers)
    small.Rows = small.Columns = 60000
    with pytest.raises(Unsupported):
        opened(part10(small))
    rle = pydicom.dcmread(sample("MR_small_RLE.dcm"))
    rle.NumberOfFrames, rle.Rows, rle.Columns = 99_999, 2000, 2000
    row = kept(store, archive, part10(rle))
    with pytest.raises(TooLarge):
        transcoded(archive, row, EXPLICIT)


@pytest.mark.parametrize("name", sorted(name for name, one in OF_EACH_SYNTAX.items() if one.startswith(("4", "5"))))
def test_corrupt_streams_are_told_apart_or_decoded_and_end_nothing(workers: CodecWorkers, name: str) -> None:
    made = named(name)
    frame = next(pydicom.encaps.generate_frames(made.PixelData, number_of_frames=int(made.get("NumberOfFrames", 1))))
    rng, form = random.Random(7), opened(part10(made)).form
    told = 0
    for turn in range(6):
        wrong = bytearray(frame)
        if turn % 3 == 0:
            wrong = wrong[: rng.randrange(len(wrong))]
        for _ in range(turn):
            if wrong:
                wrong[rng.randrange(len(wrong))] = rng.randrange(256)
        try:
            pixels, _photometric = workers.decode(bytes(wrong), str(made.file_meta.TransferSyntaxUID), form)
            assert pixels.shape[:2] == (form.rows, form.columns)
        except ExchangeError as failure:
            assert failure.http_status == 406
            told += 1
    assert told


def test_a_worker_that_dies_or_takes_too_long_harms_nobody(workers: CodecWorkers) -> None:
    found = opened(sample("MR_small_jp2klossless.dcm").read_bytes())
    wanted, _photometric = found.frame(1, workers)
    for one in workers._idle:
        one._process.kill()
        one._process.wait()
    assert np.array_equal(found.frame(1, workers)[0], wanted)
    hurried = CodecWorkers(1, 0.0005)
    with pytest.raises(Unsupported, match="too long"):
        found.frame(1, hurried)
    hurried._seconds = 30.0
    assert np.array_equal(found.frame(1, hurried)[0], wanted)
    hurried.close()


def test_workers_know_no_secrets(workers: CodecWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    found = opened(sample("MR_small_jp2klossless.dcm").read_bytes())
    fresh = CodecWorkers(1, 30)
    found.frame(1, fresh)
    (worker,) = fresh._idle
    environment = Path(f"/proc/{worker._process.pid}/environ")
    if environment.exists():
        assert b"AWS_SECRET" not in environment.read_bytes()
    fresh.close()


def test_every_syntax_of_the_statement_is_decoded_or_named_as_not() -> None:
    without = {uid for uid, one in TRANSFER_SYNTAXES.items() if one.encapsulated} - DECODED
    assert {TRANSFER_SYNTAXES[uid].media_type for uid in without} == {
        "image/jpx",
        "image/jxl",
        "video/mpeg",
        "video/mp4",
    }
    assert set(ENCODED) < DECODED
