"""WADO-RS: thumbnails (PS3.18 10.4.1.1.4): one small picture for a study, a series, an instance or a frame, made for
who asks first and kept."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

from hub.blobs.cache import FileCache
from hub.contracts.errors import ExchangeError

from ..archive import Archive
from ..pixels.image import image_of
from ..pixels.picture import JPEG, PNG, Viewport, Wish, encoded, picture
from ..study_index.instance_row import InstanceRow
from .accept import media_ranges, not_acceptable
from .arriving import at_hand
from .asgi import Answer, Request
from .frames import frame_numbers
from .rendered import media_type_of
from .rendering_request import malformed, rendering_request

SIDE = 128
LARGEST_SIDE = 1024
QUALITY = 85
_MARKS = {
    "1.2.840.10008.5.1.4.1.1.9": "ECG", "1.2.840.10008.5.1.4.1.1.88": "SR", "1.2.840.10008.5.1.4.1.1.104.1": "PDF",
    "1.2.840.10008.5.1.4.1.1.11": "PR",
}  # fmt: skip
"""What stands for an object without an image, by the beginning of its SOP class."""


class Thumbnails:
    """Kept in the archive's folder, by the hash of what is shown; nothing is opened before the first use."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._cache: FileCache | None = None

    async def retrieve(
        self, rows: Sequence[InstanceRow], listed: str | None, request: Request, threads: Executor
    ) -> Answer:
        """Of several instances, the one in the middle; of several frames likewise. Raises Incorrect (400, 406),
        NotFound, Busy. What cannot be shown has a mark in its place."""
        media_type = _choose(request.accept)
        viewport = rendering_request([pair for pair in request.query if pair[0] == "viewport"]).wish.viewport
        viewport = viewport or Viewport(SIDE, SIDE)
        if max(viewport.width, viewport.height) > LARGEST_SIDE or viewport.region is not None:
            raise malformed("viewport", f"Give viewport=WIDTH,HEIGHT, of at most {LARGEST_SIDE} pixels.")
        (row,) = await at_hand([_middle(rows)], self._archive)
        number = frame_numbers(listed)[0] if listed is not None else None
        made = await asyncio.get_running_loop().run_in_executor(threads, self._made, row, number, viewport, media_type)
        return Answer(200, made, media_type)

    def _made(self, row: InstanceRow, number: int | None, viewport: Viewport, media_type: str) -> bytes:
        if self._cache is None:
            folder = self._archive.spool.folder.parent / "thumbnails"
            self._cache = FileCache(folder, self._archive.settings.thumbnail_cache_bytes)
        key = f"{row.sha256.hex()} {number or 0} {viewport.width}x{viewport.height} {media_type}"

        def make(path: Path) -> None:
            path.write_bytes(self._painted(row, number, viewport, media_type))

        descriptor = self._cache.open(key, make)
        try:
            return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        finally:
            os.close(descriptor)

    def _painted(self, row: InstanceRow, number: int | None, viewport: Viewport, media_type: str) -> bytes:
        if row.rows is None or media_type_of(row) is not None:
            return encoded([_mark(row, viewport)], media_type, QUALITY)
        try:
            with image_of(row, self._archive.files) as image:
                shown = number or (image.form.frames + 1) // 2
                return encoded([picture(image, shown, Wish(viewport=viewport), self._archive.codecs)],
                               media_type, QUALITY)  # fmt: skip
        except ExchangeError as failure:
            if failure.http_status != 406:
                raise
            return encoded([_mark(row, viewport)], media_type, QUALITY)


def _choose(accept: str) -> str:
    for one in media_ranges(accept):
        for media_type in (JPEG, PNG):
            if not one.multipart and one.takes(media_type):
                return media_type
    raise not_acceptable(f"Accept {JPEG} or {PNG}.")


def _middle(rows: Sequence[InstanceRow]) -> InstanceRow:
    images = [row for row in rows if row.rows is not None and media_type_of(row) is None] or list(rows)
    return images[len(images) // 2]


def _mark(row: InstanceRow, viewport: Viewport) -> Pillow.Image:
    """A grey square with two or three letters."""
    kind = media_type_of(row) or ""
    text = "VIDEO" if kind.startswith("video/") else "DICOM"
    for beginning, mark in _MARKS.items():
        if row.sop_class == beginning or row.sop_class.startswith(beginning + "."):
            text = mark
    side = min(viewport.width, viewport.height)
    made = Pillow.new("L", (side, side), 64)
    ImageDraw.Draw(made).text((side / 2, side / 2), text, fill=224, anchor="mm")
    return made
