"""A stored object in another, uncompressed transfer syntax, for a peer that takes no other (PS3.5 clause 10).

Element values stay the bytes they were; compressed pixels need a decoder that is installed.
"""

import io
import warnings

import pydicom
from pynetdicom.dsutils import encode

from hub.contracts.errors import Unsupported

from ..instance_files import InstanceFiles
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES

MOST_BYTES = 1 << 30
"""Larger objects are not rewritten: they pass through memory."""


def rewritten(row: InstanceRow, files: InstanceFiles, transfer_syntax: str) -> bytes:
    """The data set in ``transfer_syntax`` (implicit or explicit VR little endian). Raises Unsupported where that
    cannot be done here."""
    if row.size_bytes > MOST_BYTES or TRANSFER_SYNTAXES[row.transfer_syntax].big_endian:
        raise Unsupported("Objects of this size or byte order are not rewritten.", where="(0002,0010)")
    try:
        with files.file(row) as view, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values in the field that the library finds odd
            data_set = pydicom.dcmread(io.BytesIO(view), force=True)
            if TRANSFER_SYNTAXES[row.transfer_syntax].encapsulated and "PixelData" in data_set:
                data_set.decompress(generate_instance_uid=False)
            data: bytes | None = encode(data_set, transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN, True)
    except Exception as failure:  # a decoder that is not there, pixels that none can read
        raise Unsupported(
            "The object cannot be given in another transfer syntax here.",
            where="(0002,0010)",
            remedy=f"Accept {row.transfer_syntax}.",
        ) from failure
    if data is None:
        raise Unsupported("The object cannot be written anew here.", where="(0002,0010)")
    return data
