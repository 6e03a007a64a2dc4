"""Bundles written by splicing stored bytes (R4 bundle.html): searchset, history, batch and transaction responses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from hub.contracts.codes import EXTENSION

__all__ = ["HistoryEntry", "ResponseEntry", "Tag", "history", "response_bundle", "searchset"]

EXCERPT_URL = f"{EXTENSION}/search-excerpt"
"""Extension of ``Bundle.entry.search``: valueString, the hit between 【 and 】."""

_text = msgspec.json.Encoder().encode
Link = tuple[str, str]


class Tag(NamedTuple):
    system: str
    code: str


@dataclass(frozen=True, slots=True)
class ResponseEntry:
    """Answer to one entry. ``status`` as in ``201 Created``; ``etag`` as in ``W/"1"``; ``outcome`` and ``resource`` are
    whole resources as JSON."""

    status: str
    location: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    resource: bytes = b""
    outcome: bytes = b""
    full_url: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version. ``method`` and ``url`` are those of the request that made it; ``body`` is empty after DELETE."""

    full_url: str
    body: bytes
    method: str
    url: str
    status: str
    last_modified: str
    etag: str


def searchset(
    base_url: str,
    matches: Iterable[tuple[str, bytes]],
    included: Iterable[tuple[str, bytes]] = (),
    *,
    links: Sequence[Link] = (),
    total: int | None = None,
    outcome: bytes = b"",
    excerpts: Mapping[str, str] | None = None,
    tag: Tag | None = None,
) -> bytes:
    """``matches`` and ``included`` are (``Type/id``, body); ``outcome`` is an OperationOutcome about the search.
    ``excerpts``: of matches by their reference, where the text that was searched for stands; an extension of
    ``entry.search``. ``tag`` becomes ``meta.tag``."""
    parts = []
    base = base_url.rstrip("/")
    for mode, group in ((b"match", matches), (b"include", included)):
        for reference, body in group:
            shown = b""
            if excerpts and (excerpt := excerpts.get(reference)):
                shown = b',"extension":[{"url":%b,"valueString":%b}]' % (_text(EXCERPT_URL), _text(excerpt))
            parts.append(
                b'{"fullUrl":%b,"resource":%b,"search":{"mode":"%b"%b}}'
                % (_text(f"{base}/{reference}"), body, mode, shown)
            )
    if outcome:
        parts.append(b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome)
    return _bundle("searchset", parts, links, total, tag)


def history(entries: Iterable[HistoryEntry], *, links: Sequence[Link] = (), total: int | None = None) -> bytes:
    """A history Bundle (R4 http.html#history), newest first."""
    parts = []
    for entry in entries:
        resource = b'"resource":%b,' % entry.body if entry.body else b""
        parts.append(
            b'{"fullUrl":%b,%b"request":{"method":%b,"url":%b},"response":{"status":%b,"etag":%b,"lastModified":%b}}'
            % (
                _text(entry.full_url),
                resource,
                _text(entry.method),
                _text(entry.url),
                _text(entry.status),
                _text(entry.etag),
                _text(entry.last_modified),
            )
        )
    return _bundle("history", parts, links, total)


def response_bundle(bundle_type: str, entries: Iterable[ResponseEntry], *, links: Sequence[Link] = ()) -> bytes:
    """``bundle_type`` is ``transaction-response`` or ``batch-response``; entries in the order of the request."""
    parts = []
    for entry in entries:
        response = [b'"status":' + _text(entry.status)]
        for name, value in (
            (b"location", entry.location),
            (b"etag", entry.etag),
            (b"lastModified", entry.last_modified),
        ):
            if value:
                response.append(b'"%b":%b' % (name, _text(value)))
        if entry.outcome:
            response.append(b'"outcome":' + entry.outcome)
        members = []
        if entry.full_url:
            members.append(b'"fullUrl":' + _text(entry.full_url))
        if entry.resource:
            members.append(b'"resource":' + entry.resource)
        members.append(b'"response":{%b}' % b",".join(response))
        parts.append(b"{%b}" % b",".join(members))
    return _bundle(bundle_type, parts, links, None)


def _bundle(
    bundle_type: str, entries: list[bytes], links: Sequence[Link], total: int | None, tag: Tag | None = None
) -> bytes:
    parts = [b'{"resourceType":"Bundle",']
    if tag is not None:
        parts.append(b'"meta":{"tag":[{"system":%b,"code":%b}]},' % (_text(tag.system), _text(tag.code)))
    parts.append(b'"type":' + _text(bundle_type))
    if total is not None:
        parts.append(b',"total":%d' % total)
    if links:
        parts.append(b',"link":[')
        parts.append(b",".join(b'{"relation":%b,"url":%b}' % (_text(rel), _text(url)) for rel, url in links))
        parts.append(b"]")
    if entries:
        parts.append(b',"entry":[')
        parts.append(b",".join(entries))
        parts.append(b"]")
    parts.append(b"}")
    return b"".join(parts)
