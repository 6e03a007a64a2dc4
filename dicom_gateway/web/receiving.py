"""The body of a Store request as complete spool files, part by part, while it comes (PS3.18 10.5.1)."""

from collections.abc import AsyncIterator

from hub.contracts.errors import ExchangeError, Incorrect, TooLarge

from ..archive import Archive
from ..file_meta import BEGIN_OF_GROUP, PREFIX
from ..spool import SpoolFile, disk_failure
from .accept import DICOM, DICOM_JSON, MULTIPART, content_type_of
from .asgi import Receive, Request
from .metadata_store import MetadataParts
from .multipart import PartReader, part_header

Received = SpoolFile | ExchangeError
"""A part, or what is wrong with it."""


async def received(request: Request, archive: Archive) -> AsyncIterator[Received]:
    """Raises Incorrect (400, 415) for a body that is no Store request."""
    header = request.headers.get(b"content-type", b"").decode("latin-1")
    kind = content_type_of(header)
    if request.headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise unsupported("Send the body without Content-Encoding.")
    if kind is not None and kind.media_type == DICOM:
        async for one in _single(request.receive, archive):
            yield one
        return
    mark = kind.parameters.get("boundary", "") if kind else ""
    if kind is None or kind.media_type != MULTIPART or not mark or kind.type not in ("", DICOM, DICOM_JSON):
        raise unsupported(f'Send Content-Type: {MULTIPART}; type="{DICOM}" or type="{DICOM_JSON}"; boundary=….')
    if kind.type == DICOM_JSON:
        with MetadataParts(archive) as parts:
            async for event, content in _events(request.receive, mark):
                parts.take(event, content)
            for one in parts.objects():
                yield one
        return
    writing = _Writing(archive)
    try:
        async for event, content in _events(request.receive, mark):
            if event == "begin":
                writing.begin(content)
            elif event == "data":
                writing.write(content)
            else:
                yield writing.end()
    finally:
        writing.abandon()


async def _events(receive: Receive, mark: str) -> AsyncIterator[tuple[str, bytes]]:
    reader = PartReader(mark)
    async for piece in _body(receive):
        for event in reader.feed(piece):
            yield event
    if not reader.complete:
        raise Incorrect(
            "The multipart body ends before its closing boundary.",
            remedy="Send it again, complete.",
            issue_code="structure",
            http_status=400,
        )


async def _single(receive: Receive, archive: Archive) -> AsyncIterator[Received]:
    writing = _Writing(archive)
    writing.begin(b"")
    try:
        async for piece in _body(receive):
            writing.write(piece)
        yield writing.end()
    finally:
        writing.abandon()


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Incorrect("The client went away.", http_status=400)
        if piece := message.get("body", b""):
            yield piece
        if not message.get("more_body", False):
            return


class _Writing:
    """The part being received. After a failure the rest of the part is swallowed."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._file: SpoolFile | None = None
        self._failure: ExchangeError | None = None
        self._first = bytearray()

    def begin(self, header_block: bytes) -> None:
        self._file, self._failure = None, None
        self._first.clear()
        try:
            kind = part_header(header_block, "content-type")
            found = content_type_of(kind)
            if kind and (found is None or found.media_type != DICOM):
                raise unsupported(f"Send parts of type {DICOM}.")
            self._file = self._archive.spool.create()
        except ExchangeError as failure:
            self._failure = failure

    def write(self, piece: bytes) -> None:
        """A file without preamble and prefix, as some libraries write it, is given them: else nobody could read it."""
        if self._file is None:
            return
        try:
            if not self._file.size_bytes:
                self._first += piece
                if len(self._first) < len(BEGIN_OF_GROUP):
                    return
                piece = bytes(self._first)
                if piece.startswith(BEGIN_OF_GROUP):
                    self._file.write(PREFIX)
            self._file.write(piece)
            if self._file.size_bytes > self._archive.settings.stow_part_limit_bytes:
                raise TooLarge("An instance is larger than this gateway takes.")
        except OSError as failure:
            self._failure = disk_failure(failure)
            self.abandon()
        except ExchangeError as failure:
            self._failure = failure
            self.abandon()

    def end(self) -> Received:
        file, self._file = self._file, None
        return file or self._failure or Incorrect("A part is missing.")

    def abandon(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None


def unsupported(remedy: str) -> Incorrect:
    return Incorrect(
        "The content type cannot be stored.", where="Content-Type", remedy=remedy, issue_code="not-supported",
        http_status=415,
    )  # fmt: skip
