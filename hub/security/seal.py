"""What the hub seals and opens again itself: Fernet (AES-CBC and HMAC-SHA256, with its time).

The key of each use is made once for a data folder and lies in its database, with the records it gives access to.
"""

import threading

from cryptography.fernet import Fernet, InvalidToken

from hub.contracts.caller import Caller, Role
from hub.contracts.store import CommitView, ResourceStore

LONGEST_TOKEN = 4096


class Seal:
    """One use, by its name: what is sealed for one is nothing for another. May be used from any thread."""

    def __init__(self, store: ResourceStore, name: str) -> None:
        self._store = store
        self._name = name
        self._held: Fernet | None = None
        self._lock = threading.Lock()

    def closed(self, content: bytes) -> str:
        """Blocks for one commit the first time in the life of a data folder."""
        return self._fernet().encrypt(content).decode("ascii").rstrip("=")

    def opened(self, token: str, *, lifetime_seconds: int) -> bytes | None:
        """The content; None where the token is none of ours or was closed longer ago than that."""
        if not 0 < len(token) <= LONGEST_TOKEN or not token.isascii():
            return None
        try:
            return self._fernet().decrypt((token + "=" * (-len(token) % 4)).encode("ascii"), ttl=lifetime_seconds)
        except InvalidToken:
            return None

    def _fernet(self) -> Fernet:
        if self._held is None:
            with self._lock:
                self._held = Fernet(self._key())
        return self._held

    def _key(self) -> bytes:
        asked = "SELECT secret FROM security_key WHERE name = ?"
        found = self._store.side_rows(asked, (self._name,))
        if not found:
            fresh = Fernet.generate_key()

            def keep(view: CommitView) -> None:
                view.execute("INSERT OR IGNORE INTO security_key (name, secret) VALUES (?, ?)", (self._name, fresh))

            self._store.act(keep, Caller("hub", Role.SERVICE, "hub")).result()
            found = self._store.side_rows(asked, (self._name,))
        return bytes(found[0][0])
