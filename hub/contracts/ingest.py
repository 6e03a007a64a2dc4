"""The seam by which the HTTP door hands a file or message in its own format to the adapter that reads it."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

from .caller import Caller
from .submission import Receipt


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer in the channel's own form, such as an HL7 v2 ACK. ``accepted`` is False where the message was refused
    (it is then in quarantine, or is to come again): the answer still goes to the sender as it stands."""

    content: bytes
    content_type: str
    accepted: bool
    receipt: Receipt | None = None


class Ingester(Protocol):
    """Reads one message or file of its channel and passes the one write path.

    ``query`` holds what came beside the content (``patient``, ``name``, ``order``, ``emergency`` for an ECG). Raises an
    ExchangeError where the content was refused; ``quarantine_id`` of the error is set when the adapter has kept it
    already, else the door keeps it. Called again with the same arguments by a replay from quarantine."""

    def __call__(
        self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]
    ) -> Awaitable[Receipt | Acknowledgement]: ...
