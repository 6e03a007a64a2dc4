"""A smaller form of an uncompressed image, for the blob store: frames in JPEG-LS (ISO/IEC 14495-1), the rest in
Zstandard (RFC 8878).

It is no DICOM file and never leaves the store: the Part 10 file comes back byte for byte, padding and private elements
included. Samples are shifted by their smallest value first, so that signed pixels and those with few bits in use cost
what they hold; the planes of an image by plane are frames of their own.
"""

import struct

import jpeg_ls
import msgspec
import numpy
import zstandard

from hub.contracts.errors import ExchangeError

from .file_meta import read_file_meta
from .scan import UNDEFINED, scan
from .transfer_syntaxes import TRANSFER_SYNTAXES

SAMPLES, PLANAR, ROWS, COLUMNS = 0x00280002, 0x00280006, 0x00280010, 0x00280011
BITS_ALLOCATED, SIGNED = 0x00280100, 0x00280103
PIXEL_DATA = 0x7FE00010
_WANTED = dict.fromkeys((SAMPLES, PLANAR, ROWS, COLUMNS, BITS_ALLOCATED, SIGNED))
_MOST_FRAMES = 100_000
_BY_PIXEL = 2
"""Interleave mode of JPEG-LS: the samples of a pixel beside each other."""


class _Image(msgspec.Struct, array_like=True, frozen=True):
    """How the frames lie in the file: one after another from ``at``, ``width_bytes`` a sample."""

    at: int
    rows: int
    columns: int
    samples: int
    width_bytes: int

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.samples * self.width_bytes


class _Form(msgspec.Struct, array_like=True, frozen=True):
    image: _Image
    frames: list[tuple[int, bytes]]
    """Of each: what was taken from every sample (modulo its width), and the JPEG-LS image."""
    rest: bytes
    """The file without its frames, in Zstandard."""
    rest_bytes: int


class JpegLs:
    """``hub.blobs.packing.Codec`` for native images of 8 or 16 bits."""

    name = "jpegls"

    def pack(self, original: bytes) -> bytes | None:
        try:
            found = _image(original)
        except (ExchangeError, struct.error):
            return None  # no DICOM file, or one that only its own bytes describe
        if found is None:
            return None
        image, count, signed = found
        size, frames = image.frame_bytes, []
        for number in range(count):
            at = image.at + number * size
            frames.append(_smaller(original[at : at + size], image, signed=signed))
        rest = original[: image.at] + original[image.at + count * size :]
        form = _Form(image, frames, zstandard.ZstdCompressor(level=3).compress(rest), len(rest))
        return msgspec.msgpack.encode(form)

    def unpack(self, packed: memoryview, size_bytes: int) -> bytes:
        form = msgspec.msgpack.decode(packed, type=_Form)
        rest = zstandard.ZstdDecompressor().decompress(form.rest, max_output_size=form.rest_bytes)
        at = form.image.at
        return b"".join((rest[:at], *(_whole(frame, form.image) for frame in form.frames), rest[at:]))


def _image(file: bytes) -> tuple[_Image, int, bool] | None:
    """The image, how many frames there are, and whether samples are signed; None for what is no native image."""
    uid, data_set_at = read_file_meta(file)
    syntax = TRANSFER_SYNTAXES.get(uid)
    if syntax is None or syntax.encapsulated or syntax.deflated or syntax.big_endian:
        return None
    found = scan(file, data_set_at, len(file), syntax, _WANTED)
    if found.pixel_tag != PIXEL_DATA or found.pixel_at is None or found.pixel_length in (None, UNDEFINED):
        return None
    rows, columns, bits = (_short(found.values, tag) for tag in (ROWS, COLUMNS, BITS_ALLOCATED))
    samples = _short(found.values, SAMPLES) or 1
    if not rows or not columns or bits not in (8, 16) or samples not in (1, 3):
        return None
    planes, samples = (samples, 1) if _short(found.values, PLANAR) == 1 else (1, samples)
    image = _Image(found.pixel_at, rows, columns, samples, bits // 8)
    count = (found.pixel_length or 0) // image.frame_bytes
    if not 0 < count <= _MOST_FRAMES * planes:
        return None
    return image, count, _short(found.values, SIGNED) == 1


def _short(values: dict[int, bytes], tag: int) -> int:
    raw = values.get(tag, b"")
    return int.from_bytes(raw, "little") if len(raw) == 2 else 0


def _smaller(frame: bytes, image: _Image, *, signed: bool) -> tuple[int, bytes]:
    width = image.width_bytes
    samples = numpy.frombuffer(frame, f"<u{width}")
    least = int((samples.view(f"<i{width}") if signed else samples).min())
    shifted = samples - numpy.asarray(least).astype(f"<u{width}")
    bits = max(int(shifted.max()).bit_length(), 2)
    if width == 2 and bits <= 8:
        shifted = shifted.astype("u1")
    interleaved = {"interleave_mode": _BY_PIXEL} if image.samples > 1 else {}
    code = jpeg_ls.encode_buffer(shifted.tobytes(), image.rows, image.columns, image.samples, bits, **interleaved)
    return least % (1 << 8 * width), bytes(code)


def _whole(frame: tuple[int, bytes], image: _Image) -> bytes:
    least, code = frame
    pixels, _ = jpeg_ls.decode_buffer(code)
    width = image.width_bytes
    narrow = len(pixels) < image.frame_bytes
    samples = numpy.frombuffer(pixels, "u1" if narrow else f"<u{width}").astype(f"<u{width}")
    whole: bytes = (samples + numpy.asarray(least).astype(f"<u{width}")).tobytes()
    return whole
