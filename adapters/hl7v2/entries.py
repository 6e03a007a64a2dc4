"""Entries of a submission, and how they refer to one another."""

import msgspec

from hub.contracts.submission import Entry, Method

from .datatypes import Json

_encode = msgspec.json.Encoder().encode


_FIRST_URLS = [f"urn:uuid:00000000-0000-4000-8000-{count:012x}" for count in range(256)]


class FullUrls:
    """``urn:uuid`` names, counted from 1: they are resolved in the commit, so the same message gives the same bytes."""

    def __init__(self) -> None:
        self._count = 0

    def next(self) -> str:
        self._count += 1
        count = self._count
        return _FIRST_URLS[count] if count < 256 else f"urn:uuid:00000000-0000-4000-8000-{count:012x}"


def update(resource: Json, condition: str, full_url: str) -> Entry:
    """Conditional update (R4 http.html, cond-update): replaces what the source sent before, or creates."""
    return Entry(Method.UPDATE, resource["resourceType"], _encode(resource), condition=condition, full_url=full_url)


def create(resource: Json, full_url: str, unless: str | None = None) -> Entry:
    """Create; with ``unless`` only where that condition finds nothing (R4 http.html, ccreate)."""
    return Entry(Method.CREATE, resource["resourceType"], _encode(resource), condition=unless, full_url=full_url)


def written(resource_type: str, body: bytes, full_url: str, condition: str | None) -> Entry:
    """A resource that is JSON already: a conditional update, or a create where there is no condition."""
    method = Method.UPDATE if condition else Method.CREATE
    return Entry(method, resource_type, body, condition=condition, full_url=full_url)
