"""Samples as integers: the narrowest of 16 and 32 bits that holds them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hub.contracts.errors import Incorrect

from .recording import Samples

_INT16, _INT32 = np.iinfo(np.int16), np.iinfo(np.int32)


def holds(values: NDArray[np.int64]) -> bool:
    """Whether 32 bits hold these integers."""
    return bool(_INT32.min <= values.min(initial=0) and values.max(initial=0) <= _INT32.max)


def fitted(values: NDArray[Any]) -> Samples:
    """The same integers in 16 bits, else in 32. Raises Incorrect for fractions and for what 32 bits cannot hold."""
    if values.dtype.kind == "f":
        if not np.isfinite(values).all() or not (values == np.rint(values)).all():
            raise Incorrect(
                "The file holds samples that are not whole numbers.",
                remedy="Export the recording with raw sample values and a scale.",
            )
        values = values.astype(np.int64) if np.abs(values).max(initial=0) < 2**62 else values
    low, high = (values.min(), values.max()) if values.size else (0, 0)
    if _INT16.min <= low and high <= _INT16.max:
        return values.astype(np.int16)
    if _INT32.min <= low and high <= _INT32.max:
        return values.astype(np.int32)
    raise Incorrect("The file holds samples wider than 32 bits.", remedy="Check the file and export it again.")
