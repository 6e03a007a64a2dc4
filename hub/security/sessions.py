"""One-time sign-in codes and the sessions of the pages.

A code is shown on a console (``hub demo``), is good once and for minutes; it is changed for a session, which the
browser keeps as a cookie. Both stand for a registered client and end with it. Only their SHA-256 are kept.
"""

import secrets
import threading
import time

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.contracts.store import CommitView, ResourceStore

from .clients import TRUSTED_SECONDS, Clients, hash_of

CODE_SECONDS = 30 * 60
SESSION_SECONDS = 12 * 60 * 60
MOST_HELD = 10_000


class Sessions:
    """One per process; may be used from any thread."""

    def __init__(self, store: ResourceStore, clients: Clients) -> None:
        self._store = store
        self._clients = clients
        self._held: dict[bytes, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def sign_in_code(self, client: str, *, lifetime_seconds: int = CODE_SECONDS) -> str:
        """A code that signs one browser in as ``client``. Raises NotFound. Blocks for one commit."""
        if self._clients.caller_by_name(client) is None:
            raise NotFound("No client of this name is registered.", remedy="See hub client list.")
        code = secrets.token_urlsafe(24)
        self._keep(code, "code", client, lifetime_seconds)
        return code

    def redeem(self, code: str, *, lifetime_seconds: int = SESSION_SECONDS) -> str | None:
        """Change a code for a session secret; None where it was used, has expired or never was. Blocks for a commit."""
        session = secrets.token_urlsafe(32)

        def run(view: CommitView) -> str | None:
            now = int(view.now.timestamp() * 1_000_000)
            view.execute("DELETE FROM security_session WHERE expires_us < ?", (now,))
            rows = view.rows(
                "SELECT client FROM security_session WHERE secret_hash = ? AND kind = 'code'", (hash_of(code),)
            )
            if not rows:
                return None
            view.execute("DELETE FROM security_session WHERE secret_hash = ?", (hash_of(code),))
            view.execute(
                "INSERT INTO security_session (secret_hash, kind, client, expires_us) VALUES (?, 'session', ?, ?)",
                (hash_of(session), rows[0][0], now + lifetime_seconds * 1_000_000),
            )
            return session

        redeemed: str | None = self._store.act(run, Caller("hub", Role.SERVICE, "hub")).result()
        return redeemed

    def caller_of_session(self, session: str) -> Caller | None:
        """The client a session stands for; None when it ended. Held in memory for ``TRUSTED_SECONDS``."""
        digest = hash_of(session)
        held = self._held.get(digest)
        if held is None or time.monotonic() - held[0] >= TRUSTED_SECONDS:
            asked = time.monotonic()
            rows = self._store.side_rows(
                "SELECT client FROM security_session WHERE secret_hash = ? AND kind = 'session' AND expires_us > ?",
                (digest, int(time.time() * 1_000_000)),
            )
            with self._lock:
                if not rows:
                    self._held.pop(digest, None)
                    return None
                if len(self._held) >= MOST_HELD:
                    self._held.clear()
                self._held[digest] = held = (asked, str(rows[0][0]))
        return self._clients.caller_by_name(held[1])

    def end(self, session: str) -> None:
        """Sign out. Blocks for one commit."""
        digest = hash_of(session)

        def run(view: CommitView) -> None:
            view.execute("DELETE FROM security_session WHERE secret_hash = ?", (digest,))

        self._store.act(run, Caller("hub", Role.SERVICE, "hub")).result()
        self._held.pop(digest, None)

    def _keep(self, secret: str, kind: str, client: str, lifetime_seconds: int) -> None:
        def run(view: CommitView) -> None:
            view.execute(
                "INSERT INTO security_session (secret_hash, kind, client, expires_us) VALUES (?, ?, ?, ?)",
                (hash_of(secret), kind, client, int((view.now.timestamp() + lifetime_seconds) * 1_000_000)),
            )

        self._store.act(run, Caller("hub", Role.SERVICE, "hub")).result()
