"""A destination that takes STOW-RS (PS3.18 10.5), an object a request."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import msgspec

from hub.contracts.errors import Busy, ExchangeError

from ..archive import Archive
from ..study_index.instance_row import InstanceRow
from .destination import Refused, Send

_BOUNDARY = "part-of-the-hub"
_HEAD = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()
_HEADERS = {
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
    "Accept": "application/dicom+json",
}
_STEP_BYTES = 1 << 18
_FAILED, _REASON = "00081198", "00081197"


class Stow:
    """``Line``, to a DICOMweb root."""

    def __init__(self, archive: Archive, url: str, token: str) -> None:
        self._archive = archive
        self._url = url
        self._headers = _HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})

    @contextmanager
    def open(self, rows: Sequence[InstanceRow]) -> Iterator[Send]:
        settings = self._archive.settings
        timeout = httpx.Timeout(settings.network_seconds, connect=5.0)
        with httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client:
            yield lambda row, _rank: self._send(client, row)

    def ask_commitment(self, transaction_uid: str, rows: Sequence[InstanceRow]) -> None:
        """Its answer to STOW-RS is its word."""

    def _send(self, client: httpx.Client, row: InstanceRow) -> None:
        try:
            descriptor = self._archive.files.open(row)
        except ExchangeError as failure:
            raise Refused(failure.what, where=row.uid) from None
        length = str(len(_HEAD) + row.size_bytes + len(_TAIL))
        try:
            answer = client.post(
                f"{self._url}/studies",
                content=_body(descriptor, row.size_bytes),
                headers=self._headers | {"Content-Length": length},
            )
        except (httpx.HTTPError, OSError):
            raise Busy("The destination cannot be reached.", where=self._url) from None
        finally:
            os.close(descriptor)
        _judge(answer)


def _body(descriptor: int, size: int) -> Iterator[bytes]:
    yield _HEAD
    at = 0
    while at < size:
        piece = os.pread(descriptor, _STEP_BYTES, at)
        if not piece:
            raise OSError("the file has become shorter")
        at += len(piece)
        yield piece
    yield _TAIL


def _judge(answer: httpx.Response) -> None:
    if answer.status_code in (429, 401, 403) or answer.status_code >= 500:
        raise Busy(f"The destination answered with status {answer.status_code}.")
    if answer.status_code not in (200, 202):
        raise Refused(f"The destination answered with status {answer.status_code}.")
    try:
        told = msgspec.json.decode(answer.content) if answer.content else {}
    except msgspec.DecodeError:
        return  # 200 all the same
    if isinstance(told, dict) and told.get(_FAILED, {}).get("Value"):
        raise Refused("The destination did not store the object.")
