"""STOW-RS: store instances (PS3.18 10.5), streamed to the spool part by part."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import Any

import msgspec

from hub.contracts.errors import Busy, ExchangeError, Incorrect, TooLarge

from ..archive import Archive, Expected, Kept, Outcome, Sender
from ..events import log_fault
from ..file_meta import BEGIN_OF_GROUP, PREFIX, read_file_meta
from ..spool import SpoolFile, disk_failure
from ..status import COERCION_OF_DATA_ELEMENTS, dimse_status
from .accept import DICOM, MULTIPART, content_type_of, json_type
from .asgi import Answer, Receive, Request
from .multipart import PartReader

WARNING_REASON, FAILURE_REASON = "00081196", "00081197"


@dataclass(slots=True)
class _Result:
    kept: Kept | None = None
    failure: Exception | None = None


async def store_instances(study_uid: str | None, request: Request, archive: Archive) -> Answer:
    """200 where everything is stored, 202 where some, 409 where none; each failure with its reason. What is stored is
    durable when the answer leaves."""
    content_type = json_type(request.accept)
    sender, expected = Sender(request.caller), Expected(study_uid=study_uid)
    results = [
        part if isinstance(part, _Result) else await asyncio.to_thread(_keep, part, sender, expected, archive)
        async for part in _parts(request, archive)
    ]
    if not results:
        raise Incorrect("The body holds no part.", remedy="Send at least one instance.", http_status=400)
    failures = [result.failure for result in results if result.failure is not None]
    if len(failures) == len(results) and isinstance(failures[0], Busy):
        raise failures[0]
    status = 200 if not failures else 409 if len(failures) == len(results) else 202
    return Answer(status, msgspec.json.encode(_response(results, study_uid, request.root)), content_type)


async def _parts(request: Request, archive: Archive) -> AsyncIterator[SpoolFile | _Result]:
    """Each part as a complete spool file, or what is wrong with it."""
    header = request.headers.get(b"content-type", b"").decode("latin-1")
    kind = content_type_of(header)
    if request.headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise _unsupported("Send the body without Content-Encoding.")
    if kind is not None and kind.media_type == DICOM:
        async for file in _single(request.receive, archive):
            yield file
        return
    mark = kind.parameters.get("boundary", "") if kind else ""
    if kind is None or kind.media_type != MULTIPART or not mark or kind.type not in ("", DICOM):
        raise _unsupported(f'Send Content-Type: {MULTIPART}; type="{DICOM}"; boundary=….')
    reader, writing = PartReader(mark), _Writing(archive)
    try:
        async for piece in _body(request.receive):
            for event, content in reader.feed(piece):
                if event == "begin":
                    writing.begin(content)
                elif event == "data":
                    writing.write(content)
                else:
                    yield writing.end()
        if not reader.complete:
            raise Incorrect(
                "The multipart body ends before its closing boundary.",
                remedy="Send it again, complete.",
                issue_code="structure",
                http_status=400,
            )
    finally:
        writing.abandon()


async def _single(receive: Receive, archive: Archive) -> AsyncIterator[SpoolFile | _Result]:
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
            kind = _part_type(header_block)
            if kind not in ("", DICOM):
                raise _unsupported(f"Send parts of type {DICOM}.")
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

    def end(self) -> SpoolFile | _Result:
        file, self._file = self._file, None
        return file if file is not None else _Result(failure=self._failure)

    def abandon(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None


def _part_type(header_block: bytes) -> str:
    for line in header_block.decode("latin-1").split("\r\n"):
        name, _colon, value = line.partition(":")
        if name.strip().lower() == "content-type":
            found = content_type_of(value.strip())
            return found.media_type if found else "?"
    return ""


def _keep(file: SpoolFile, sender: Sender, expected: Expected, archive: Archive) -> _Result:
    try:
        if not file.size_bytes:
            raise Incorrect("A part is empty.", remedy="Send Part 10 files.", issue_code="structure")
        with mmap(file.descriptor, file.size_bytes, access=ACCESS_READ) as view:
            transfer_syntax, data_set_at = read_file_meta(view)
        return _Result(archive.keep(file, data_set_at, transfer_syntax, sender, expected))
    except ExchangeError as failure:
        return _Result(failure=failure)
    except Exception as failure:
        log_fault("stow", failure)
        return _Result(failure=failure)
    finally:
        file.discard()


def _response(results: Sequence[_Result], study_uid: str | None, root: str) -> dict[str, Any]:
    """The Store Instances Response Module (PS3.18 Annex I)."""
    stored, failed = [], []
    studies = {result.kept.header.study_uid for result in results if result.kept is not None}
    for result in results:
        if result.kept is not None:
            header = result.kept.header
            item: dict[str, Any] = {
                "00081150": {"vr": "UI", "Value": [header.sop_class_uid]},
                "00081155": {"vr": "UI", "Value": [header.sop_instance_uid]},
                "00081190": {
                    "vr": "UR",
                    "Value": [
                        f"{root}/studies/{header.study_uid}/series/{header.series_uid}"
                        f"/instances/{header.sop_instance_uid}"
                    ],
                },
            }
            if result.kept.outcome is Outcome.RECONCILE:
                item[WARNING_REASON] = {"vr": "US", "Value": [COERCION_OF_DATA_ELEMENTS]}
            stored.append(dict(sorted(item.items())))
        elif result.failure is not None:
            failed.append({FAILURE_REASON: {"vr": "US", "Value": [dimse_status(result.failure)]}})
    response: dict[str, Any] = {}
    if len(studies) == 1 or study_uid:
        response["00081190"] = {"vr": "UR", "Value": [f"{root}/studies/{study_uid or studies.pop()}"]}
    if failed:
        response["00081198"] = {"vr": "SQ", "Value": failed}
    if stored:
        response["00081199"] = {"vr": "SQ", "Value": stored}
    return response


def _unsupported(remedy: str) -> Incorrect:
    return Incorrect(
        "The content type cannot be stored.", where="Content-Type", remedy=remedy, issue_code="not-supported",
        http_status=415,
    )  # fmt: skip
