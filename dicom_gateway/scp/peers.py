"""Who is at the other end of an association, and how many come at once."""

import time
from dataclasses import dataclass

from hub.contracts.caller import Caller
from hub.contracts.errors import Forbidden
from hub.contracts.far_end import FarEnd
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient

from .places import Places


@dataclass(slots=True)
class Peer:
    """The registered client behind a calling AE title; ``checked_at`` is a monotonic time."""

    ae_title: str
    far_end: FarEnd
    caller: Caller
    checked_at: float


class Peers:
    """Asks the hub who a calling AE title is, and keeps to the caps."""

    def __init__(
        self,
        hub: HubClient,
        gate: Gate,
        *,
        most: int,
        most_per_ae_title: int,
        recheck_seconds: float,
        places: Places | None = None,
    ) -> None:
        self._hub = hub
        self._gate = gate
        self._most = most
        self._most_per_ae_title = most_per_ae_title
        self._recheck_seconds = recheck_seconds
        self._places = places or Places()

    def recognise(self, ae_title: str, far_end: FarEnd) -> Peer | None:
        """None where nobody registered this title (from there). May raise an ExchangeError where the hub is busy."""
        caller = self._hub.caller_by_ae_title(ae_title, far_end)
        if caller is None:
            self._hub.security_event("unknown-ae-title", f"{ae_title[:16]} from {far_end.address}")
            return None
        return Peer(ae_title, far_end, caller, time.monotonic())

    def enter(self, ae_title: str) -> bool:
        """Count one more association of this title; False, uncounted, where it or all have too many."""
        return self._places.enter(ae_title, self._most, self._most_per_ae_title)

    def leave(self, ae_title: str) -> None:
        self._places.leave(ae_title)

    def lead(self) -> int:
        """How many more associations this process holds than the one that holds the fewest."""
        return self._places.lead()

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
