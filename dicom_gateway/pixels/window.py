"""The VOI window (PS3.3 C.11.2.1.2, C.11.2.1.3): values of interest to the range from 0 to 1."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydicom.dataset import Dataset

from .codec import Pixels
from .functional_groups import group_item

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width in the units that the modality LUT gives; Hounsfield for CT."""

    center: float
    width: float
    function: Function = "LINEAR"

    def apply(self, values: Pixels) -> Pixels:
        if self.function == "SIGMOID":
            exponent = np.clip(-4.0 * (values - self.center) / self.width, -700.0, 700.0)
            return np.asarray(1.0 / (1.0 + np.exp(exponent)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width <= 1:
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1.0) + 0.5, 0.0, 1.0)


def window_of(header: Dataset, number: int) -> Window | None:
    """The first window that the object has for a frame; None where it has none that makes sense."""
    item = group_item(header, number, "FrameVOILUTSequence") or header
    try:
        center, width = _first(item, "WindowCenter"), _first(item, "WindowWidth")
    except (TypeError, ValueError):
        return None
    function = str(item.get("VOILUTFunction", None) or "LINEAR").strip().upper()
    known: Function = "LINEAR"
    for one in FUNCTIONS:
        known = one if one == function else known
    return Window(center, width, known) if width > 0 and np.isfinite([center, width]).all() else None


def _first(item: Dataset, keyword: str) -> float:
    value = item.get(keyword, None)
    return float(value if isinstance(value, str | float | int) else value[0])
