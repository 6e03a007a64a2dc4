"""The smaller form at rest: any Part 10 file comes back byte for byte, and images are worth it."""

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import numpy
import pytest
from dicom_objects import BIG, DEFLATED, EXPLICIT, IMPLICIT, image, part10
from pydicom.data import get_testdata_file

from dicom_gateway.at_rest import JpegLs
from hub.blobs.packing import Packing, Zstd

CODEC = JpegLs()
FILES = Path(get_testdata_file("CT_small.dcm") or "").parent


def slice_of(values: Any, **attributes: Any) -> bytes:
    """An image of these samples."""
    bits = values.dtype.itemsize * 8
    rows, columns = values.shape[:2]
    form = {"Rows": rows, "Columns": columns, "BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1}
    return part10(image(**form | {"PixelData": values.tobytes()} | attributes))


def smooth(shape: tuple[int, ...], least: int, most: int, kind: str) -> Any:
    """A picture-like gradient with a little noise."""
    count = int(numpy.prod(shape))
    noise = numpy.frombuffer(random.Random(1).randbytes(count), "u1").reshape(shape) % 7
    wave = (numpy.sin(numpy.arange(count) / 50) + 1) / 2 * (most - least - 7) + least
    return (wave.reshape(shape) + noise).astype(kind)


COLOUR = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
PADDED = numpy.where(numpy.indices((256, 256))[0] < 40, -2000, smooth((256, 256), -1000, 1500, "<i2")).astype("<i2")
NATIVE = {
    "CT, signed, padded by -2000": (slice_of(PADDED, PixelRepresentation=1), 2.0),
    "CT, unsigned, 12 bits of 16": (slice_of(smooth((256, 256), 0, 4000, "<u2")), 2.0),
    "all 16 bits": (slice_of(smooth((256, 256), 0, 65535, "<u2")), 1.3),
    "8 bits": (slice_of(smooth((255, 257), 0, 255, "u1")), 1.5),
    "colour by pixel": (slice_of(smooth((128, 128, 3), 0, 255, "u1"), PlanarConfiguration=0, **COLOUR), 1.2),
    "colour by plane": (slice_of(smooth((128, 384), 0, 255, "u1"), Columns=128, PlanarConfiguration=1, **COLOUR), 1.2),
    "frames": (slice_of(smooth((600, 100), 0, 4000, "<u2"), NumberOfFrames=6, Rows=100), 2.0),
    "one value": (slice_of(numpy.full((64, 64), 77, "<u2")), 2.0),
    "two extremes": (slice_of((numpy.indices((64, 64)).sum(0) % 2 * 65535).astype("<u2")), 1.0),
}


@pytest.mark.parametrize("what", NATIVE)
def test_native_images_become_smaller_and_come_back_exactly(what: str) -> None:
    content, least_ratio = NATIVE[what]
    packed = CODEC.pack(content)
    assert packed is not None
    assert CODEC.unpack(memoryview(packed), len(content)) == content
    assert len(content) > least_ratio * len(packed)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_both_ways_of_writing_elements_are_packed(syntax: str) -> None:
    content = part10(image(syntax))
    packed = CODEC.pack(content)
    assert packed is not None
    assert CODEC.unpack(memoryview(packed), len(content)) == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not DICOM" * 100,
        part10(image(BIG)),
        part10(image(DEFLATED)),
        part10(image(PixelData=None)),
        part10(image(Rows=0)),
        part10(image(Rows=60000, Columns=60000)),
        part10(image(BitsAllocated=32)),
        part10(image())[:-10],
    ],
)
def test_what_is_no_native_image_is_left_to_others(content: bytes) -> None:
    assert CODEC.pack(content) is None


def test_padding_and_what_follows_the_frames_come_back_too() -> None:
    content = part10(image(PixelData=bytes(range(128)) + b"tail"))
    packed = CODEC.pack(content)
    assert packed is not None
    assert CODEC.unpack(memoryview(packed), len(content)) == content


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.glob("*.dcm")))
def test_every_sample_file_comes_back_byte_for_byte_from_the_store(name: str, tmp_path: Path) -> None:
    content = (FILES / name).read_bytes()
    sha256, form = hashlib.sha256(content).hexdigest(), tmp_path / "form"
    (tmp_path / "original").write_bytes(content)
    packing = Packing([JpegLs(), Zstd()])
    if packing.pack(tmp_path / "original", sha256, form):
        assert form.stat().st_size < len(content)
        packing.unpack(form, sha256)
        assert form.read_bytes() == content


def test_the_smallest_form_is_kept(tmp_path: Path) -> None:
    flat = part10(image(Rows=512, Columns=512, PixelData=b"\1\2\3\4" * (512 * 512 // 2)))
    (tmp_path / "flat").write_bytes(flat)
    packing = Packing([JpegLs(), Zstd()])
    assert packing.pack(tmp_path / "flat", hashlib.sha256(flat).hexdigest(), tmp_path / "form")
    assert (tmp_path / "form").stat().st_size < len(CODEC.pack(flat) or b"")


def test_noise_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(noise := os.urandom(100_000))
    sha256 = hashlib.sha256(noise).hexdigest()
    assert not Packing([JpegLs(), Zstd()]).pack(tmp_path / "noise", sha256, tmp_path / "form")
    assert not (tmp_path / "form").exists()
