"""What the libraries raise at a header or a codestream that they cannot read."""

import struct
import zlib

from pydicom.errors import InvalidDicomError

UNREADABLE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SystemError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Each library fails in its own way: pydicom and numpy by values, GDCM, OpenJPEG and CharLS by RuntimeError or their
own; MemoryError is the limit of a pixel worker. None of them says which, so these stand for "not readable", and
anything else is a fault of ours."""
