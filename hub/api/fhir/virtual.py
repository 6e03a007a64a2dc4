"""The seam for types that a room computes instead of storing: Person and regional Patients (identity), AuditEvent
(audit trail)."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from hub.contracts.caller import Caller

from .exchange import Response


class VirtualType(Protocol):
    """Reads of one computed resource type. Whether the caller may see the type at all has been decided before; what it
    may see of it is decided here. Writes of what ``owns`` says yes to are refused."""

    def owns(self, resource_id: str) -> bool:
        """Whether this id is computed here, whoever asks."""
        ...

    def read(self, resource_id: str, caller: Caller) -> bytes | None:
        """The resource as JSON; None hands over to the store."""
        ...

    def search(self, pairs: Sequence[tuple[str, str]], caller: Caller, base: str) -> bytes | None:
        """A complete searchset Bundle as JSON for these parameters; ``base`` is the base URL for its links. None hands
        over to the store. Raises Incorrect for what it does not know."""
        ...


class _Meta(msgspec.Struct):
    versionId: str | None = None


class _Versioned(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta)


_versioned = msgspec.json.Decoder(_Versioned).decode


def computed_response(body: bytes) -> Response:
    """A computed resource as an answer. Where it states a version, that becomes the ETag; never a Last-Modified, since
    what is computed may change without anything being written."""
    stated = _versioned(body).meta.versionId
    return Response(200, body, int(stated) if stated is not None else None)
