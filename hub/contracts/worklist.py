"""The orders that a modality is offered, as the hub tells them to whoever speaks with modalities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .caller import Caller


@dataclass(frozen=True, slots=True)
class OrderedPatient:
    """``id`` is that of the hub's Patient. ``number`` is what the modality is to know him by: his number at the asking
    organization, else his resident identity number, else a number of ``issuer``."""

    id: str
    name: str
    number: str
    issuer: str = ""
    birth_date: str = ""
    gender: str = ""


@dataclass(frozen=True, slots=True)
class ScheduledOrder:
    """One ServiceRequest. Dates and times are FHIR's (a date alone, or a dateTime with zone)."""

    id: str
    why_not: str
    """Empty where it is on the worklist, else the reason, Chinese first."""
    accession_number: str
    modality: str
    """In the words of the examination tables: CT, MR, XR (whatever the device is), …; empty where nothing tells it."""
    name: str
    code: tuple[str, str, str]
    """(system, code, display); empty strings where the order carries none."""
    start: str
    priority: str
    owner: str
    performers: Sequence[str]
    patient: OrderedPatient | None
    placer_number: str = ""
    requester: str = ""
    reason: str = ""
    body_site: str = ""
    contrast: str = ""


class Orders(Protocol):
    def scheduled(self, caller: Caller, *, others: bool = False) -> Sequence[ScheduledOrder]:
        """The active imaging orders that the caller's organization placed or is to perform, soonest first; with
        ``others`` also its latest ones that are not on the worklist, with the reason."""
        ...

    def order_of(self, caller: Caller, accession_number: str) -> ScheduledOrder | None:
        """The one order with this accession number that the caller's organization placed or is to perform, whatever
        its state."""
        ...

    def imaging_study(self, caller: Caller, study_uid: str) -> dict[str, Any] | None:
        """The ImagingStudy of the caller's organization with this Study Instance UID, as FHIR R4 JSON."""
        ...

    def patient_of(self, caller: Caller, patient_id: str) -> OrderedPatient | None:
        """A Patient that the caller's organization owns, as a modality is to know him."""
        ...
