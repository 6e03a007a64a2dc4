"""One frame decoded or encoded, in this process: pydicom's decoders over OpenJPEG, CharLS, GDCM and libjpeg.

Native code reads what strangers sent here. ``workers`` runs these functions in a process of its own; nobody else should
call them for compressed frames.
"""

import warnings
import zlib
from typing import Any

import gdcm
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import UID

from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from .codestream import size_of
from .image_pixel import ImagePixel
from .unreadable import UNREADABLE

Pixels = np.ndarray[Any, Any]

_BASE = "1.2.840.10008.1.2."
JPEG_BASELINE, JPEG_EXTENDED = _BASE + "4.50", _BASE + "4.51"
JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER = _BASE + "4.57", _BASE + "4.70"
JPEG_LS, JPEG_LS_NEAR = _BASE + "4.80", _BASE + "4.81"
JPEG_2000_LOSSLESS, JPEG_2000 = _BASE + "4.90", _BASE + "4.91"
RLE = _BASE + "5"
ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAMES = _BASE + "1.98", _BASE + "8.1"

_PLUGINS = {
    JPEG_BASELINE: ("pillow", "gdcm"), JPEG_EXTENDED: ("pillow", "gdcm"), JPEG_LOSSLESS: ("gdcm",),
    JPEG_LOSSLESS_FIRST_ORDER: ("gdcm",), JPEG_LS: ("pyjpegls",), JPEG_LS_NEAR: ("pyjpegls",),
    JPEG_2000_LOSSLESS: ("pylibjpeg",), JPEG_2000: ("pylibjpeg",), _BASE + "4.201": ("pylibjpeg",),
    _BASE + "4.202": ("pylibjpeg",), _BASE + "4.203": ("pylibjpeg",), RLE: ("pylibjpeg", "pydicom"),
    ENCAPSULATED_UNCOMPRESSED: (), DEFLATED_FRAMES: (),
}  # fmt: skip
"""What can be decoded, by which libraries, in the order they are tried."""

DECODED = frozenset(_PLUGINS)
ENCODED = {RLE: "pylibjpeg", JPEG_LS: "pyjpegls", JPEG_2000_LOSSLESS: "pylibjpeg", JPEG_2000: "pylibjpeg"}
_AS_IT_IS: dict[str, Any] = {"view_only": True, "correct_unused_bits": False}
LOSSY_RATIO = 10.0
"""Of JPEG 2000 where loss was asked for."""


class Undecodable(Exception):
    """No decoder could read the frame. Says why in a word, nothing of its content."""


def decode(codestream: bytes, syntax: str, form: ImagePixel) -> tuple[Pixels, str]:
    """Pixels as rows × columns (× samples), and their photometric interpretation. Colour that was subsampled or
    transformed for a lossy codestream comes as RGB."""
    if syntax == ENCAPSULATED_UNCOMPRESSED:
        return native(codestream, form)
    if syntax == DEFLATED_FRAMES:
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return native(engine.decompress(codestream, form.frame_bytes), form)
        except zlib.error:
            raise Undecodable("not deflated") from None
    plugins = _PLUGINS.get(syntax)
    if plugins is None:
        raise Undecodable("no decoder")
    if syntax != RLE and size_of(codestream) != (form.columns, form.rows, form.samples):
        raise Undecodable("other dimensions")
    source = encapsulate([codestream + b"\0" * (len(codestream) & 1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of streams that do not quite say what the header says
        for plugin in plugins:
            try:
                pixels, told = get_decoder(UID(syntax)).as_array(
                    source, index=0, raw=not _is_lossy_jpeg(syntax), decoding_plugin=plugin, **_options(form)
                )
                return pixels, str(told["photometric_interpretation"])
            except UNREADABLE:  # each library fails in its own way; the next one is asked
                continue
    if syntax == JPEG_EXTENDED and form.samples == 1:
        return _twelve_bits(codestream, form), form.photometric
    raise Undecodable("corrupt")


def native(frame: bytes, form: ImagePixel) -> tuple[Pixels, str]:
    """An uncompressed frame in little endian, subsampled colour at full size. Runs no native decoder."""
    if form.floating:
        count = form.rows * form.columns
        kind = "<f4" if form.allocated == 32 else "<f8"
        if len(frame) < count * (form.allocated // 8) or form.samples != 1:
            raise Undecodable("too short")
        return np.frombuffer(frame, kind, count).reshape(form.rows, form.columns), form.photometric
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decoder = get_decoder(UID(EXPLICIT_VR_LITTLE_ENDIAN))
            pixels, told = decoder.as_array(frame, index=0, raw=True, **_options(form) | _AS_IT_IS)
    except UNREADABLE as failure:
        raise Undecodable(type(failure).__name__) from None
    photometric = str(told["photometric_interpretation"])
    return pixels, "YBR_FULL" if photometric == "YBR_FULL_422" else photometric


def encode(pixels: bytes, syntax: str, form: ImagePixel, ratio: float = LOSSY_RATIO) -> bytes:
    """``pixels`` in little endian, samples of a pixel together. Lossy for JPEG 2000 (.91) alone, by ``ratio``."""
    options: dict[str, Any] = _options(form)
    if form.samples == 3 and syntax in (JPEG_2000, JPEG_2000_LOSSLESS) and form.photometric == "RGB":
        options["photometric_interpretation"] = transformed(syntax)
    if syntax == JPEG_2000:
        options["j2k_cr"] = [ratio]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bytes(get_encoder(UID(syntax)).encode(pixels, index=0, encoding_plugin=ENCODED[syntax], **options))
        except UNREADABLE as failure:
            raise Undecodable(type(failure).__name__) from None


def transformed(syntax: str) -> str:
    """Photometric interpretation of RGB pixels after JPEG 2000's own colour transform (PS3.5 8.2.4)."""
    return "YBR_RCT" if syntax == JPEG_2000_LOSSLESS else "YBR_ICT"


def as_rgb(pixels: Pixels, photometric: str) -> Pixels:
    return convert_color_space(pixels, "YBR_FULL", "RGB") if photometric.startswith("YBR_FULL") else pixels


def _is_lossy_jpeg(syntax: str) -> bool:
    return syntax in (JPEG_BASELINE, JPEG_EXTENDED)


def _options(form: ImagePixel) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": form.rows, "columns": form.columns, "number_of_frames": 1, "samples_per_pixel": form.samples,
        "photometric_interpretation": form.photometric, "bits_allocated": form.allocated, "bits_stored": form.stored,
        "pixel_representation": int(form.signed), "pixel_keyword": "PixelData",
    }  # fmt: skip
    return options | ({"planar_configuration": int(form.planar)} if form.samples > 1 else {})


def _twelve_bits(codestream: bytes, form: ImagePixel) -> Pixels:
    """Twelve bits a sample, which GDCM decodes though pydicom does not ask it to."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((form.columns, form.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(form.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(JPEG_EXTENDED)))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, form.stored, form.stored - 1, int(form.signed)))
    raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    if form.allocated != 16 or len(raw) != form.frame_bytes:
        raise Undecodable("corrupt")
    return np.frombuffer(raw, "<i2" if form.signed else "<u2").reshape(form.rows, form.columns)
