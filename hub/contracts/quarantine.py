"""What was refused but kept, so that it can be corrected and replayed."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .caller import Caller
from .submission import Channel, Original


@dataclass(frozen=True, slots=True)
class Refusal:
    """``key`` is the sender's number for it: MSH-10, SOP Instance UID, file hash or Idempotency-Key. ``field`` is where
    (segment-field, tag, FHIRPath), ``reason`` and ``remedy`` sentences without patient data. ``state`` is
    ``refused``, ``reconcile``, ``replayed``, or after a decision ``replaced`` or ``kept-first``."""

    kind: Channel
    key: str
    reason: str
    field: str
    remedy: str
    original: Original
    state: str = "refused"
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What came beside the content and a replay needs again: the query of ``/ingest/ecg``, method and URL of a FHIR
    request."""


class Reconciler(Protocol):
    """Puts the later of two copies of one object in the place of the first (``dicom_gateway``)."""

    def take_new(self, content: bytes, sender: Caller, decider: Caller, reason: str) -> None:
        """``content`` is the later copy, as ``sender`` sent it. Blocks; raises an ExchangeError where it cannot be."""
        ...


class Quarantine(Protocol):
    def keep(self, refusal: Refusal, caller: Caller) -> str:
        """Store durably and return the quarantine id. Blocks for one commit; call it off the event loop. The same bytes
        refused again from the same client on the same channel are the same item."""
        ...
