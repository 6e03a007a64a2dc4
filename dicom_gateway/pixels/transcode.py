"""A stored object in another transfer syntax (PS3.5 clause 10). The header stays as it is; File Meta Information is
made anew, and what is lossy says so."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hub.contracts.errors import TooLarge, Unsupported

from ..data_set_bytes import element, head
from ..file_meta import part10_head
from ..header import WANTED
from ..instance_files import InstanceFiles
from ..scan import UNDEFINED, layout_at, scan
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from .codec import ENCODED, JPEG_2000, JPEG_2000_LOSSLESS, transformed
from .elements import ElementWriter
from .image import Image, image_in
from .image_pixel import FLOAT_PIXEL_DATA, PIXEL_DATA, ImagePixel
from .lossy import derived_uid, lossy_marks
from .recode import UNCOMPRESSED, recoded
from .workers import CodecWorkers

TARGETS = (*UNCOMPRESSED, *ENCODED)
"""What an object may be given in, beside the syntax it is stored in."""
LARGEST_BYTES = 1 << 30
"""Of a transcoded object: what a small file may grow to."""

_WANTED = dict.fromkeys(WANTED)
_EXTENDED_OFFSETS = (0x7FE00001, 0x7FE00002)
_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Transcoded:
    """A Part 10 file without a name; ``file`` is open as long as the context lasts."""

    file: IO[bytes]
    size_bytes: int
    data_set_at: int
    sop_instance_uid: str


@contextmanager
def transcoded(
    row: InstanceRow, files: InstanceFiles, target: str, workers: CodecWorkers, folder: Path
) -> Iterator[Transcoded]:
    """The stored object in ``target``, in a nameless file in ``folder``. Raises Unsupported (406) where that cannot be
    done, TooLarge beyond a gibibyte, Busy. Takes its time: call it off the event loop."""
    if target not in TARGETS:
        raise Unsupported(
            "Objects are not given in this transfer syntax.",
            where="transfer-syntax",
            remedy=f"Ask for {row.transfer_syntax}, or one of the conformance statement.",
            http_status=406,
        )
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    with tempfile.TemporaryFile(dir=folder) as file, files.data_set(row) as (buffer, begin, end):
        if scan(buffer, begin, end, syntax, _WANTED).pixel_at is not None:
            image = image_in(buffer, begin, end, syntax)
            with tempfile.TemporaryFile(dir=folder) as frames:
                at, uid = _write_image(file, frames, row, image, target, workers)
        elif target in UNCOMPRESSED:
            layout = layout_at(buffer, begin, syntax)
            implicit = target == IMPLICIT_VR_LITTLE_ENDIAN
            at, uid = file.write(part10_head(row.sop_class, row.uid, target)), row.uid
            file.write(ElementWriter(buffer, layout, implicit=implicit).data_set(begin, end))
        else:
            raise Unsupported(
                "An object without pixels is not compressed.", remedy="Ask for it as stored.", http_status=406
            )
        file.flush()
        yield Transcoded(file, file.tell(), at, uid)


def _write_image(
    file: IO[bytes], frames: IO[bytes], row: InstanceRow, image: Image, target: str, workers: CodecWorkers
) -> tuple[int, str]:
    """Where the data set begins, and the SOP Instance UID. The frames go to a file of their own first: what the header
    says may depend on them."""
    form, syntax, lengths = image.form, image.syntax, list[int]()
    total = form.frames * form.frame_bytes
    if total > LARGEST_BYTES:
        raise TooLarge("The object grows beyond what is transcoded here.", remedy="Retrieve it as stored.")
    implicit, uid = target == IMPLICIT_VR_LITTLE_ENDIAN, row.uid
    attributes: dict[str, dict[str, Any]] = {}
    if target in UNCOMPRESSED and not image.compressed:
        begin, stop = image.found.pixel_at or 0, image.found.pixel_end or 0
        for at in range(begin, stop, _STEP_BYTES):  # as they are, unused bits too
            lengths.append(frames.write(image.buffer[at : min(at + _STEP_BYTES, stop)]))
    else:
        photometric = form.photometric
        for number in range(1, form.frames + 1):
            pixels, photometric = image.frame(number, workers)
            lengths.append(frames.write(recoded(pixels, photometric, form, target, workers)))
        attributes = _described(form, photometric, target)
    if target == JPEG_2000:
        uid = derived_uid(row.uid, target)
        attributes |= lossy_marks(image.header, row.sop_class, row.uid, target, total / max(sum(lengths), 1))
    instead = {
        int(name, 16): element(int(name, 16), value, implicit=implicit, encode_text=str.encode)
        for name, value in attributes.items()
    } | dict.fromkeys(_EXTENDED_OFFSETS, b"")
    writer = ElementWriter(image.buffer, layout_at(image.buffer, image.begin, syntax), implicit=implicit)
    before, after = writer.around_pixels(image.begin, image.end, instead)
    at = file.write(part10_head(row.sop_class, uid, target))
    file.write(before)
    frames.seek(0)
    if target in UNCOMPRESSED:
        _write_native(file, frames, sum(lengths), form, implicit=implicit)
    else:
        _write_fragments(file, frames, lengths)
    file.write(after)
    return at, uid


def _described(form: ImagePixel, photometric: str, target: str) -> dict[str, dict[str, Any]]:
    """The attributes that depend on how the pixels are written."""
    if photometric == "RGB" and target in (JPEG_2000, JPEG_2000_LOSSLESS):
        photometric = transformed(target)
    attributes: dict[str, dict[str, Any]] = {}
    if photometric != form.photometric:
        attributes["00280004"] = {"vr": "CS", "Value": [photometric]}
    if form.samples > 1:
        attributes["00280006"] = {"vr": "US", "Value": [0]}
    return attributes


def _write_native(file: IO[bytes], frames: IO[bytes], total: int, form: ImagePixel, *, implicit: bool) -> None:
    kind = {PIXEL_DATA: "OB" if form.allocated <= 8 else "OW", FLOAT_PIXEL_DATA: "OF"}.get(form.tag, "OD")
    file.write(head(form.tag, kind, total + total % 2, implicit=implicit))
    while piece := frames.read(_STEP_BYTES):
        file.write(piece)
    file.write(b"\0" * (total % 2))


def _write_fragments(file: IO[bytes], frames: IO[bytes], lengths: list[int]) -> None:
    """One fragment a frame, with a Basic Offset Table (PS3.5 A.4)."""
    file.write(head(PIXEL_DATA, "OB", UNDEFINED, implicit=False))
    offsets, at = bytearray(), 0
    for length in lengths:
        offsets += at.to_bytes(4, "little")
        at += 8 + length + length % 2
    file.write(b"\xfe\xff\x00\xe0" + len(offsets).to_bytes(4, "little") + offsets)
    for length in lengths:
        padding = length % 2
        file.write(b"\xfe\xff\x00\xe0" + (length + padding).to_bytes(4, "little"))
        file.write(frames.read(length) + b"\0" * padding)
    file.write(b"\xfe\xff\xdd\xe0\0\0\0\0")
