"""One decoded frame in another transfer syntax."""

from dataclasses import replace

import numpy as np

from hub.contracts.errors import Unsupported

from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from .codec import RLE, Pixels
from .image_pixel import ImagePixel
from .workers import CodecWorkers

UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


def recoded(pixels: Pixels, photometric: str, form: ImagePixel, target: str, workers: CodecWorkers) -> bytes:
    """``pixels`` of an image described by ``form``, in ``target``: octets in little endian, samples of a pixel
    together, or a codestream. Raises Unsupported (406), Busy."""
    if target in UNCOMPRESSED:
        return np.packbits(pixels.reshape(-1), bitorder="little").tobytes() if form.allocated == 1 else pixels.tobytes()
    if form.floating or form.allocated == 1:
        raise _not_compressed("Pixels of this kind are not compressed.", "(0028,0100)")
    if target != RLE and not _fits(pixels, form):
        raise _not_compressed("Something lies in the unused bits of these pixels, which would be lost.", "(0028,0101)")
    return workers.encode(pixels, target, replace(form, photometric=photometric, planar=False))


def _fits(pixels: Pixels, form: ImagePixel) -> bool:
    """Do all values fit into Bits Stored, the lowest bits of a sample?"""
    low, high = (-(1 << form.stored - 1), (1 << form.stored - 1) - 1) if form.signed else (0, (1 << form.stored) - 1)
    return form.high_bit == form.stored - 1 and int(pixels.min()) >= low and int(pixels.max()) <= high


def _not_compressed(what: str, where: str) -> Unsupported:
    return Unsupported(what, where=where, remedy="Ask for an uncompressed transfer syntax.", http_status=406)
