"""Who may open an association: decided before anything is negotiated (PS3.8 9.3.4)."""

from hub.contracts.errors import ExchangeError
from hub.contracts.far_end import FarEnd
from hub.telemetry.metrics import count

from ..events import ASSOCIATION_REFUSED, ASSOCIATIONS, log_fault
from .peers import Peer
from .provider import Provider

REJECTED_PERMANENT, REJECTED_TRANSIENT = 1, 2
BY_USER, BY_ACSE, BY_PRESENTATION = 1, 2, 3
CALLING_AE_TITLE_NOT_RECOGNISED, CALLED_AE_TITLE_NOT_RECOGNISED = 3, 7
PROTOCOL_VERSION_NOT_SUPPORTED = 2
TEMPORARY_CONGESTION, LOCAL_LIMIT_EXCEEDED = 1, 2
"""A-ASSOCIATE-RJ: result, source, reason (PS3.8 table 9-21)."""

Rejection = tuple[int, int, int]
_BUSY = REJECTED_TRANSIENT, BY_PRESENTATION, TEMPORARY_CONGESTION


def admit(provider: Provider, called: str, calling: str, far_end: FarEnd) -> Peer | Rejection:
    """The peer, counted until ``provider.peers.leave``; or why not."""
    try:
        verdict = _verdict(provider, called, calling, far_end)
    except ExchangeError:
        verdict = _BUSY
    except Exception as failure:
        log_fault("admit", failure)
        verdict = _BUSY
    count(ASSOCIATIONS, answer="accepted" if isinstance(verdict, Peer) else "rejected")
    return verdict


def _verdict(provider: Provider, called: str, calling: str, far_end: FarEnd) -> Peer | Rejection:
    settings = provider.settings
    if provider.draining:
        return _BUSY
    if settings.require_called_ae_title and called != settings.ae_title:
        ASSOCIATION_REFUSED.log(ae_title=calling, address=far_end.address, why="called AE title not recognised")
        return REJECTED_PERMANENT, BY_USER, CALLED_AE_TITLE_NOT_RECOGNISED
    peer = provider.peers.recognise(calling, far_end)
    if peer is None:
        ASSOCIATION_REFUSED.log(ae_title=calling, address=far_end.address, why="calling AE title not recognised")
        return REJECTED_PERMANENT, BY_USER, CALLING_AE_TITLE_NOT_RECOGNISED
    if not provider.peers.enter(calling):
        ASSOCIATION_REFUSED.log(ae_title=calling, address=far_end.address, why="too many associations")
        return REJECTED_TRANSIENT, BY_PRESENTATION, LOCAL_LIMIT_EXCEEDED
    return peer
