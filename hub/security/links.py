"""Links to one resource, for minutes: what a card gives to a browser that holds no credential.

A link carries a sealed token (Fernet: AES-CBC and HMAC-SHA256, with its time): which client and practitioner asked,
and which resource. It is no bearer token: it opens the one page for the one resource, with the rights the client has
when it is opened, and never longer than ``LINK_SECONDS``. Whoever removes the client ends its links. Opening it is
audited as that client's read.
"""

import threading
from collections.abc import Callable
from dataclasses import replace

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from hub.contracts.caller import Caller, Role
from hub.contracts.store import CommitView, ResourceStore

LINK_SECONDS = 15 * 60
LONGEST_TOKEN = 1024
VIEW_PATH = "/view"
_KEY = "view-link"


class _Sealed(msgspec.Struct, array_like=True):
    client: str
    reference: str
    actor: str | None
    purpose: str | None


_decoder = msgspec.json.Decoder(_Sealed)


class Links:
    """``hub.contracts.view_links.ViewLinks``. One per process; may be used from any thread. The key is made once for a
    data folder and lies in its database, with the records it gives access to."""

    def __init__(
        self,
        store: ResourceStore,
        caller_by_name: Callable[[str], Caller | None],
        *,
        lifetime_seconds: int = LINK_SECONDS,
    ) -> None:
        self._store = store
        self._caller_by_name = caller_by_name
        self._lifetime_seconds = lifetime_seconds
        self._held: Fernet | None = None
        self._lock = threading.Lock()

    def link(self, caller: Caller, reference: str) -> str:
        """Blocks for one commit the first time in the life of a data folder."""
        sealed = msgspec.json.encode(_Sealed(caller.client, reference, caller.actor, caller.purpose))
        return f"{VIEW_PATH}?t={self._seal().encrypt(sealed).decode('ascii').rstrip('=')}"

    def opened(self, token: str) -> tuple[Caller, str] | None:
        """Who asked and for what; None where the token is none of ours, has expired, or its client is gone."""
        if not 0 < len(token) <= LONGEST_TOKEN or not token.isascii():
            return None
        try:
            padded = token + "=" * (-len(token) % 4)
            found = _decoder.decode(self._seal().decrypt(padded.encode("ascii"), ttl=self._lifetime_seconds))
        except (InvalidToken, msgspec.DecodeError):
            return None
        caller = self._caller_by_name(found.client)
        return None if caller is None else (replace(caller, actor=found.actor, purpose=found.purpose), found.reference)

    def _seal(self) -> Fernet:
        if self._held is None:
            with self._lock:
                self._held = Fernet(self._key())
        return self._held

    def _key(self) -> bytes:
        asked = "SELECT secret FROM security_key WHERE name = ?"
        found = self._store.side_rows(asked, (_KEY,))
        if not found:
            fresh = Fernet.generate_key()

            def keep(view: CommitView) -> None:
                view.execute("INSERT OR IGNORE INTO security_key (name, secret) VALUES (?, ?)", (_KEY, fresh))

            self._store.act(keep, Caller("hub", Role.SERVICE, "hub")).result()
            found = self._store.side_rows(asked, (_KEY,))
        return bytes(found[0][0])
