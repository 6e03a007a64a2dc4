"""Who is at the other end of an association, and how many come at once."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

from hub.contracts.caller import Caller
from hub.contracts.errors import Forbidden
from hub.contracts.far_end import FarEnd
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient


@dataclass(slots=True)
class Peer:
    """The registered client behind a calling AE title; ``checked_at`` is a monotonic time."""

    ae_title: str
    far_end: FarEnd
    caller: Caller
    checked_at: float


class Peers:
    """Asks the hub who a calling AE title is, and keeps to the caps."""

    def __init__(self, hub: HubClient, gate: Gate, *, most_per_ae_title: int, recheck_seconds: float) -> None:
        self._hub = hub
        self._gate = gate
        self._most = most_per_ae_title
        self._recheck_seconds = recheck_seconds
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def recognise(self, ae_title: str, far_end: FarEnd) -> Peer | None:
        """None where nobody registered this title (from there). May raise an ExchangeError where the hub is busy."""
        caller = self._hub.caller_by_ae_title(ae_title, far_end)
        if caller is None:
            self._hub.security_event("unknown-ae-title", f"{ae_title[:16]} from {far_end.address}")
            return None
        return Peer(ae_title, far_end, caller, time.monotonic())

    def enter(self, ae_title: str) -> bool:
        """Count one more association of this title; False, uncounted, where it has too many."""
        with self._lock:
            if self._open[ae_title] >= self._most:
                return False
            self._open[ae_title] += 1
            return True

    def leave(self, ae_title: str) -> None:
        with self._lock:
            self._open[ae_title] -= 1
            if self._open[ae_title] <= 0:
                del self._open[ae_title]

    def may_store(self, peer: Peer) -> Caller:
        """The caller as of now, if it may store. Raises Forbidden."""
        return self.may(peer, "dicom-store")

    def may(self, peer: Peer, action: str) -> Caller:
        """The caller as of now: a client that was removed while its association is open is refused within seconds.
        Raises Forbidden."""
        if time.monotonic() - peer.checked_at > self._recheck_seconds:
            caller = self._hub.caller_by_ae_title(peer.ae_title, peer.far_end)
            if caller is None:
                raise Forbidden("This AE title is no longer registered.", remedy="Register it again.")
            peer.caller, peer.checked_at = caller, time.monotonic()
        self._gate.check_action(peer.caller, action)
        return peer.caller
