"""The image in a stored object: its header and its frames, decoded one at a time."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from hub.contracts.errors import NotFound, Unsupported

from ..frames import Frame, frame_table
from ..header import WANTED, read_header
from ..instance_files import InstanceFiles
from ..scan import EXPLICIT_BIG, UNDEFINED, Buffer, Scan, layout_at, scan
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES, TransferSyntax
from .codec import Pixels
from .elements import ElementWriter
from .image_pixel import ImagePixel, image_pixel
from .unreadable import UNREADABLE
from .workers import CodecWorkers, native_frame

_WANTED = dict.fromkeys(WANTED)
MOST_BYTES = 1 << 30
"""Of a big endian object, which passes through memory."""


@dataclass(frozen=True, slots=True)
class Image:
    """Valid as long as ``buffer`` is. ``header`` is everything but the pixel data; ``form`` what its Image Pixel module
    says; ``table`` where the stored frames lie."""

    buffer: Buffer
    begin: int
    end: int
    header: Dataset
    form: ImagePixel
    syntax: TransferSyntax
    found: Scan
    table: list[Frame]

    @property
    def compressed(self) -> bool:
        return self.found.pixel_length == UNDEFINED

    def stored(self, number: int) -> bytes:
        """The bytes of a frame as they lie in the object, ``number`` counted from 1."""
        if not 1 <= number <= self.form.frames:
            raise NotFound("The instance has not so many frames.", remedy="Ask for frames from 1 to NumberOfFrames.")
        if self.form.allocated == 1 and not self.compressed:
            return self._bits(number)
        if not self.table:
            raise Unsupported(
                "The frames of this object cannot be told apart.", remedy="Retrieve it as stored.", http_status=406
            )
        return b"".join(bytes(self.buffer[at : at + length]) for at, length in self.table[number - 1])

    def frame(self, number: int, workers: CodecWorkers) -> tuple[Pixels, str]:
        """Pixels as rows × columns (× samples) and their photometric interpretation: as stored, but for colour that a
        codec had transformed or subsampled, which comes back as it was before. Raises NotFound, Unsupported (406),
        Busy."""
        stored = self.stored(number)
        if self.compressed:
            return workers.decode(stored, self.syntax.uid, self.form)
        return native_frame(stored, self.form)

    def _bits(self, number: int) -> bytes:
        """Frames of single bits follow each other without a gap (PS3.5 8.2): moved to a byte's beginning."""
        at, length = self.found.pixel_at or 0, self.found.pixel_length or 0
        bits = self.form.rows * self.form.columns * self.form.samples
        first = (number - 1) * bits
        begin, stop = at + first // 8, at + min((first + bits + 7) // 8, length)
        raw = np.frombuffer(bytes(self.buffer[begin:stop]), np.uint8)
        some = np.unpackbits(raw, bitorder="little")[first % 8 : first % 8 + bits]
        return np.packbits(some, bitorder="little").tobytes() + b"\0" * (-((bits + 7) // 8) % 2)


def image_in(buffer: Buffer, begin: int, end: int, syntax: TransferSyntax) -> Image:
    """The image of the data set in ``buffer[begin:end]``, inflated where its syntax is deflated. Raises Unsupported
    (406) where there is no image, or none of a kind that is decoded here."""
    found = scan(buffer, begin, end, syntax, _WANTED)
    header = read_header(found, big_endian=syntax.big_endian)
    if found.pixel_at is None or found.pixel_tag is None:
        raise Unsupported("The object holds no image.", remedy="Retrieve it as stored.", http_status=406)
    if syntax.big_endian:
        if end - begin > MOST_BYTES:
            raise Unsupported("The object is too large to be turned.", remedy="Retrieve it as stored.", http_status=406)
        writer = ElementWriter(buffer, EXPLICIT_BIG, implicit=False, pixel_bytes=(header.bits_allocated or 8) // 8)
        turned = writer.data_set(begin, end)
        return image_in(turned, 0, len(turned), TRANSFER_SYNTAXES[EXPLICIT_VR_LITTLE_ENDIAN])
    attributes = _header_of(buffer, begin, end, syntax, found)
    form = image_pixel(attributes, found.pixel_tag)
    return Image(buffer, begin, end, attributes, form, syntax, found, frame_table(buffer, found, header, syntax))


def _header_of(buffer: Buffer, begin: int, end: int, syntax: TransferSyntax, found: Scan) -> Dataset:
    """Every attribute but the pixel data. Values are decoded when they are looked at."""
    layout = layout_at(buffer, begin, syntax)
    around = bytes(buffer[begin:end])if found.pixel_at is None or found.pixel_end is None else (
        bytes(buffer[begin : found.pixel_at - (8 if layout.implicit else 12)]) + bytes(buffer[found.pixel_end : end])
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values in the field that the library finds odd
        try:
            return read_dataset(io.BytesIO(around), layout.implicit, True)
        except UNREADABLE:
            raise Unsupported(
                "The header of this object cannot be read.", remedy="Retrieve it as stored.", http_status=406
            ) from None


@contextmanager
def image_of(row: InstanceRow, files: InstanceFiles) -> Iterator[Image]:
    """The image of a stored instance. Reads from the disk: call it off the event loop."""
    with files.data_set(row) as (buffer, begin, end):
        yield image_in(buffer, begin, end, TRANSFER_SYNTAXES[row.transfer_syntax])
