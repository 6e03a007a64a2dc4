"""What all associations of one listener share."""

from dataclasses import dataclass, field

from ..settings import DicomSettings
from .negotiation import Negotiation
from .peers import Peers
from .reception import Receiver
from .serving import Services

POLL_SECONDS = 0.5
"""How often a thread that waits for a peer looks whether we stop."""


@dataclass(slots=True)
class Provider:
    """``fast`` is our own receive path, else the library's."""

    settings: DicomSettings
    peers: Peers
    receiver: Receiver
    services: Services
    fast: bool
    draining: bool = False
    negotiation: Negotiation = field(init=False)

    def __post_init__(self) -> None:
        self.negotiation = Negotiation(self.settings.maximum_pdu_bytes)
