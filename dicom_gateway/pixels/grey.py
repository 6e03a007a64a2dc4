"""Stored values to grey levels (PS3.4 N.2): modality LUT, VOI LUT or window, and which end is white."""

import warnings

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from .codec import Pixels
from .functional_groups import group_item
from .image_pixel import ImagePixel
from .unreadable import UNREADABLE
from .window import Window, window_of

_MOST_TABLE_BITS = 16


def grey_levels(pixels: Pixels, form: ImagePixel, header: Dataset, number: int, window: Window | None = None) -> Pixels:
    """Eight bits a pixel, 255 white. ``window`` goes before those of the object; without any, the values that occur
    take the whole range."""
    if form.floating or form.stored > _MOST_TABLE_BITS:
        values = _modality(pixels.astype(np.float64), form, header, number)
        return _eight_bits(_of_interest(values, values, form, header, number, window), form, header)
    index = _index(pixels, form)
    stored = np.arange(1 << form.stored, dtype=np.int64)
    if form.signed:
        stored[stored >= 1 << form.stored - 1] -= 1 << form.stored
    table = _modality(stored, form, header, number)
    present = np.zeros(table.size, bool)
    present[index] = True
    if (padding := _padding(header, form)) is not None:
        present[padding] = False
    occurring = table[present] if present.any() else table
    levels = _eight_bits(_of_interest(table, occurring, form, header, number, window), form, header)
    return levels[index]


def _index(pixels: Pixels, form: ImagePixel) -> Pixels:
    """Stored bits as a number from 0, signed ones by their bit pattern; other bits (overlays) masked away."""
    unsigned = pixels.view(f"u{pixels.dtype.itemsize}")
    shift = form.high_bit + 1 - form.stored
    if shift > 0:
        unsigned = unsigned >> shift
    if form.stored < unsigned.dtype.itemsize * 8:
        unsigned = unsigned & ((1 << form.stored) - 1)
    return unsigned


def _modality(values: Pixels, form: ImagePixel, header: Dataset, number: int) -> Pixels:
    item = group_item(header, number, "PixelValueTransformationSequence") or header
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if item.get("ModalityLUTSequence", None) and not form.floating:
                return np.asarray(apply_modality_lut(values, item), np.float64)
            slope, intercept = item.get("RescaleSlope", None), item.get("RescaleIntercept", None)
            if slope is not None and intercept is not None:
                return values * float(slope) + float(intercept)
        except UNREADABLE:  # a broken LUT: stored values are better than none
            pass
    return values.astype(np.float64)


def _of_interest(
    values: Pixels, occurring: Pixels, form: ImagePixel, header: Dataset, number: int, window: Window | None
) -> Pixels:
    window = window or window_of(header, number)
    if window is not None:
        return window.apply(values)
    item = group_item(header, number, "FrameVOILUTSequence") or header
    if item.get("VOILUTSequence", None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                bits = int(item.VOILUTSequence[0].LUTDescriptor[2])
                return np.asarray(apply_voi(np.rint(values).astype(np.int64), item) / float((1 << bits) - 1))
            except UNREADABLE:  # a broken LUT: the range is taken instead
                pass
    if form.stored <= 8 and not form.signed and not form.floating:
        low, high = float(values.min()), float(values.max())
    else:
        finite = occurring[np.isfinite(occurring)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)


def _eight_bits(levels: Pixels, form: ImagePixel, header: Dataset) -> Pixels:
    shape = str(header.get("PresentationLUTShape", None) or "").strip().upper()
    if form.photometric == "MONOCHROME1" or shape == "INVERSE":
        levels = 1.0 - levels
    return np.asarray(np.nan_to_num(np.clip(levels, 0.0, 1.0)) * 255.0 + 0.5).astype(np.uint8)


def _padding(header: Dataset, form: ImagePixel) -> Pixels | None:
    """Indices of the values that stand for no image (PS3.3 C.7.5.1.1.2)."""
    try:
        first = int(header.PixelPaddingValue)
        last = int(header.get("PixelPaddingRangeLimit", None) or first)
    except UNREADABLE:
        return None
    values = np.arange(min(first, last), max(first, last) + 1, dtype=np.int64)[: 1 << _MOST_TABLE_BITS]
    return np.asarray(values & ((1 << form.stored) - 1))
