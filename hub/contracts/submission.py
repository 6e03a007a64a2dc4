"""What enters the hub, whatever door it came through, and what the sender is told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .caller import Caller


class Channel(StrEnum):
    FHIR = "fhir"
    HL7V2 = "hl7v2"
    ECG = "ecg"
    CDA = "cda"
    DICOM = "dicom"
    INTERNAL = "internal"


class Method(StrEnum):
    """The write interactions of FHIR R4 http.html; reads inside a Bundle are answered by the API alone."""

    CREATE = "POST"
    UPDATE = "PUT"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Entry:
    """One write.

    ``body`` is the resource as JSON bytes exactly as the sender wrote it (decimals keep their digits), empty for
    DELETE. ``id`` is the target of an update or delete. ``condition`` is the query string of If-None-Exist or of a
    conditional update or delete (``identifier=system|value``). ``full_url`` is how other entries refer to this one
    (``urn:uuid:…``).
    """

    method: Method
    type: str
    body: bytes = b""
    id: str | None = None
    condition: str | None = None
    full_url: str | None = None
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes as received, kept for quarantine and for a translation that must be redone."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a submission came from. ``key`` is the sender's own number for it (Idempotency-Key, MSH-7 + MSH-10, file
    hash, SOP Instance UID); with ``key_hash`` (SHA-256 of what was sent) it makes sending twice the same as once."""

    caller: Caller
    channel: Channel
    received: datetime
    key: str | None = None
    key_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Submission:
    """Entries that take effect together or not at all, in one commit."""

    entries: tuple[Entry, ...]
    origin: Origin
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entry: ``status`` is the HTTP status of its response (200, 201, 204)."""

    type: str
    id: str
    version: int
    status: int
    last_updated: str
    """FHIR instant, as it stands in ``meta.lastUpdated``."""
    body: bytes = b""
    """The resource as stored, for ``Prefer: return=representation``; empty after a replay."""

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Notice:
    """What the hub found about one of the entries when it came: ``reference`` names the resource, ``code`` says what it
    is (a verdict of the duplicate check), ``text`` is for a person and names nothing that the sender may not read."""

    reference: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """Given only after the commit is on disk.

    A key already bound gives the first receipt again with ``replayed`` set and without bodies: doors build their answer
    (an HL7 ACK, a transaction response) from these values alone, so the same key has the same answer for ever.
    """

    submission: str
    accepted_at: str
    """FHIR instant of the first acceptance."""
    outcomes: tuple[Outcome, ...] = ()
    person: str | None = None
    """``Person/ID`` of the first Patient written or referred to, where identity resolved one."""
    replayed: bool = False
    notices: tuple[Notice, ...] = ()
    """In the order in which they were found; the sender is told them with its answer."""
