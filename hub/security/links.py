"""Links to one resource, for minutes: what a card gives to a browser that holds no credential.

A link carries a sealed token: which client and practitioner asked, and which resource. It is no bearer token: it opens
the one page for the one resource, with the rights the client has when it is opened, and never longer than
``LINK_SECONDS``. Whoever removes the client ends its links. Opening it is audited as that client's read.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.store import ResourceStore

from .seal import Seal

LINK_SECONDS = 15 * 60
VIEW_PATH = "/view"


class _Sealed(msgspec.Struct, array_like=True):
    client: str
    reference: str
    actor: str | None
    purpose: str | None


_decoder = msgspec.json.Decoder(_Sealed)


class Links:
    """``hub.contracts.view_links.ViewLinks``. One per process; may be used from any thread."""

    def __init__(
        self,
        store: ResourceStore,
        caller_by_name: Callable[[str], Caller | None],
        *,
        lifetime_seconds: int = LINK_SECONDS,
    ) -> None:
        self._seal = Seal(store, "view-link")
        self._caller_by_name = caller_by_name
        self._lifetime_seconds = lifetime_seconds

    def link(self, caller: Caller, reference: str) -> str:
        """Blocks for one commit the first time in the life of a data folder."""
        sealed = msgspec.json.encode(_Sealed(caller.client, reference, caller.actor, caller.purpose))
        return f"{VIEW_PATH}?t={self._seal.closed(sealed)}"

    def opened(self, token: str) -> tuple[Caller, str] | None:
        """Who asked and for what; None where the token is none of ours, has expired, or its client is gone."""
        content = self._seal.opened(token, lifetime_seconds=self._lifetime_seconds)
        if content is None:
            return None
        try:
            found = _decoder.decode(content)
        except msgspec.DecodeError:
            return None
        caller = self._caller_by_name(found.client)
        return None if caller is None else (replace(caller, actor=found.actor, purpose=found.purpose), found.reference)
