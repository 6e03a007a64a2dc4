"""A frame as a picture of eight bits a sample, cut and scaled as asked, in a common file format."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from hub.contracts.errors import Unsupported

from .codec import Pixels, as_rgb
from .grey import grey_levels
from .image import Image
from .image_pixel import ImagePixel
from .unreadable import UNREADABLE
from .window import Window
from .workers import CodecWorkers

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
PICTURES = (JPEG, PNG, GIF)
DEFAULT_QUALITY = 90
LARGEST_SIDE = 8192


@dataclass(frozen=True, slots=True)
class Viewport:
    """The picture fits into ``width`` × ``height`` with its proportions kept (PS3.18 8.3.5.1.3). ``region`` is the part
    of the image that is shown: left, top, width and height in its pixels; a negative width or height mirrors."""

    width: int
    height: int
    region: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """How a picture should look; None leaves it to the object. ``quality`` is JPEG's, from 1 to 100."""

    window: Window | None = None
    viewport: Viewport | None = None
    quality: int = DEFAULT_QUALITY


def picture(image: Image, number: int, wish: Wish, workers: CodecWorkers) -> Pillow.Image:
    """Frame ``number``, counted from 1. Raises NotFound, Unsupported (406), Busy."""
    pixels, photometric = image.frame(number, workers)
    levels = _levels(pixels, photometric, image.form, image.header, number, wish.window)
    return _fitted(Pillow.fromarray(np.ascontiguousarray(levels)), wish.viewport)


def encoded(pictures: Sequence[Pillow.Image], media_type: str, quality: int, frame_milliseconds: float = 0) -> bytes:
    """One file; of several pictures, an animation (GIF alone)."""
    buffer = io.BytesIO()
    first, *rest = pictures
    if media_type == JPEG:
        first.save(buffer, "JPEG", quality=quality)
    elif media_type == PNG:
        first.save(buffer, "PNG", compress_level=3)
    elif rest:
        duration = max(frame_milliseconds or 100.0, 20.0)
        first.save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)
    else:
        first.save(buffer, "GIF")
    return buffer.getvalue()


def _levels(
    pixels: Pixels, photometric: str, form: ImagePixel, header: Dataset, number: int, window: Window | None
) -> Pixels:
    if photometric == "PALETTE COLOR":
        pixels, photometric = _palette(pixels, form, header), "RGB"
        return _highest_byte(pixels, pixels.dtype.itemsize * 8)
    if form.samples == 1:
        return grey_levels(pixels, form, header, number, window)
    pixels = as_rgb(pixels, photometric)
    return _highest_byte(pixels, form.stored)


def _palette(pixels: Pixels, form: ImagePixel, header: Dataset) -> Pixels:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return apply_color_lut(pixels, header)
        except UNREADABLE:
            raise Unsupported(
                "The palette of this image cannot be read.",
                where="(0028,1101)",
                remedy="Retrieve it as stored.",
                http_status=406,
            ) from None


def _highest_byte(pixels: Pixels, bits: int) -> Pixels:
    return (pixels >> bits - 8 if bits > 8 else pixels).astype(np.uint8)


def _fitted(whole: Pillow.Image, viewport: Viewport | None) -> Pillow.Image:
    if viewport is None:
        return whole
    shown = whole
    if viewport.region is not None:
        left, top, width, height = viewport.region
        x, y = round(min(left, whole.width - 1)), round(min(top, whole.height - 1))
        right, bottom = min(left + abs(width), whole.width), min(top + abs(height), whole.height)
        shown = whole.crop((x, y, max(round(right), x + 1), max(round(bottom), y + 1)))
        if width < 0:
            shown = shown.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
        if height < 0:
            shown = shown.transpose(Pillow.Transpose.FLIP_TOP_BOTTOM)
    scale = min(viewport.width / shown.width, viewport.height / shown.height)
    size = max(round(shown.width * scale), 1), max(round(shown.height * scale), 1)
    return shown if size == shown.size else shown.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=2.0)
