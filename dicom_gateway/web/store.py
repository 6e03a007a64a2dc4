"""STOW-RS: store instances (PS3.18 10.5), streamed to the spool part by part."""

import asyncio
from mmap import ACCESS_READ, mmap

import msgspec

from hub.contracts.errors import Busy, ExchangeError, Incorrect

from ..archive import Archive, Expected, Sender
from ..events import log_fault
from ..file_meta import read_file_meta, read_named
from ..spool import SpoolFile
from .accept import json_type
from .asgi import Answer, Request
from .receiving import Received, received
from .store_response import Result, response, status_of


async def store_instances(study_uid: str | None, request: Request, archive: Archive) -> Answer:
    """200 where everything is stored, 202 where some or with warnings, 409 where none; each failure with its reason.
    What is stored is durable when the answer leaves."""
    content_type = json_type(request.accept)
    sender, expected = Sender(request.caller), Expected(study_uid=study_uid)
    results = [
        await asyncio.to_thread(_result, part, sender, expected, archive) async for part in received(request, archive)
    ]
    if not results:
        raise Incorrect("The body holds no part.", remedy="Send at least one instance.", http_status=400)
    if all(isinstance(result.failure, Busy) for result in results):
        raise results[0].failure or Busy("The archive is busy.")
    body = msgspec.json.encode(response(results, study_uid, request.root))
    return Answer(status_of(results), body, content_type)


def _result(part: Received, sender: Sender, expected: Expected, archive: Archive) -> Result:
    if not isinstance(part, SpoolFile):
        return Result(failure=part)
    named = ("", "")
    try:
        if not part.size_bytes:
            raise Incorrect("A part is empty.", remedy="Send Part 10 files.", issue_code="structure")
        with mmap(part.descriptor, part.size_bytes, access=ACCESS_READ) as view:
            named = read_named(view)
            transfer_syntax, data_set_at = read_file_meta(view)
        return Result(archive.keep(part, data_set_at, transfer_syntax, sender, expected))
    except ExchangeError as failure:
        return Result(failure=failure, named=named)
    except Exception as failure:
        log_fault("stow", failure)
        return Result(failure=failure, named=named)
    finally:
        part.discard()
