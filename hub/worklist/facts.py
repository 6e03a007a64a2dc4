"""What this room needs of ServiceRequest and Task (FHIR R4), read from stored bodies."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from hub.contracts.codes import PERFORM_STUDY, SNOMED, TASK_CODE, V2_0203
from hub.contracts.store import Select

IMAGING_CATEGORY = "363679005"
"""SNOMED CT: Imaging."""
ACCESSION, PLACER = "ACSN", "PLAC"
_NOT_YET = frozenset({"proposal", "plan", "option"})
_ONE_TIME = frozenset({"order", "original-order", "filler-order", "instance-order"})


class Coding(msgspec.Struct, frozen=True):
    system: str = ""
    code: str = ""
    display: str = ""


class Concept(msgspec.Struct, frozen=True):
    coding: tuple[Coding, ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        return self.text or next((one.display for one in self.coding if one.display), "")


class Identifier(msgspec.Struct, frozen=True):
    type: Concept = Concept()
    system: str = ""
    value: str = ""

    def is_of(self, code: str) -> bool:
        return any(one.code == code and one.system in (V2_0203, "") for one in self.type.coding)


class Reference(msgspec.Struct, frozen=True):
    reference: str = ""
    display: str = ""

    def id_of(self, resource_type: str) -> str:
        kind, _, id_ = self.reference.partition("/_history/")[0].rpartition("/")
        return id_ if kind.rpartition("/")[2] == resource_type else ""


class Order(msgspec.Struct, frozen=True):
    """A ServiceRequest."""

    status: str = ""
    intent: str = ""
    doNotPerform: bool = False
    identifier: tuple[Identifier, ...] = ()
    category: tuple[Concept, ...] = ()
    code: Concept = Concept()
    subject: Reference = Reference()
    performer: tuple[Reference, ...] = ()
    requester: Reference = Reference()
    priority: str = ""
    bodySite: tuple[Concept, ...] = ()
    reasonCode: tuple[Concept, ...] = ()
    authoredOn: str = ""
    occurrenceDateTime: str = ""
    occurrencePeriod: dict[str, Any] = msgspec.field(default_factory=dict)
    occurrenceTiming: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        return self.status == "active" and self.intent not in _NOT_YET and not self.doNotPerform

    @property
    def is_one_time(self) -> bool:
        return self.intent in _ONE_TIME and not self.occurrenceTiming

    @property
    def is_of_imaging_category(self) -> bool:
        return any(
            coding.code == IMAGING_CATEGORY and coding.system in (SNOMED, "")
            for one in self.category
            for coding in one.coding
        )

    @property
    def performing_organizations(self) -> list[str]:
        return [id_ for one in self.performer if (id_ := one.id_of("Organization"))]

    @property
    def start(self) -> str:
        """``occurrence[x]``: the moment, the beginning of the period, the first event; "" where it says none."""
        events: Sequence[Any] = self.occurrenceTiming.get("event") or ()
        bounds = self.occurrenceTiming.get("repeat", {}).get("boundsPeriod", {}).get("start", "")
        period = self.occurrencePeriod
        found = self.occurrenceDateTime or period.get("start") or period.get("end") or (events[0] if events else bounds)
        return str(found or "")

    def number(self, kind: str) -> str:
        """The identifier of this type (v2-0203)."""
        return next((one.value for one in self.identifier if one.value and one.is_of(kind)), "")


class Task(msgspec.Struct, frozen=True):
    status: str = ""
    code: Concept = Concept()
    focus: Reference = Reference()

    @property
    def is_performing(self) -> bool:
        return any(one.system == TASK_CODE and one.code == PERFORM_STUDY for one in self.code.coding)


class Examination(NamedTuple):
    """What an order asks for, in the words of the examination tables; empty where it is not understood."""

    kind: str = ""
    modality: str = ""
    contrast: str = ""


Understand = Callable[[Any, str, Select], Examination]
"""Of (ServiceRequest, its owner, rows of the examination room): handed in by whoever composes the hub."""

read_order = msgspec.json.Decoder(Order, strict=False).decode
read_task = msgspec.json.Decoder(Task, strict=False).decode


def made_accession(order_id: str) -> str:
    """An accession number for an order without one: always the same for the order, of at most 16 characters (SH)."""
    digest = hashlib.sha256(f"ServiceRequest/{order_id}".encode()).digest()
    return "H" + base64.b32encode(digest[:8]).decode("ascii").rstrip("=")
