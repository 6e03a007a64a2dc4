"""What this room needs of ImagingStudy, DiagnosticReport and Task (FHIR R4), read from stored bodies.

Read inside the commit, when ``urn:uuid`` references have become real ones; everything else of a body is skipped, so
that a study of a thousand instances costs no more than its bytes.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.codes import EXTENSION, READ_STUDY, TASK_CODE

EMERGENCY = f"{EXTENSION}/emergency"
FINAL = frozenset({"final", "amended", "corrected", "appended"})
"""DiagnosticReport.status of a report that counts (diagnostic-report-status)."""


class Coding(msgspec.Struct, frozen=True):
    system: str | None = None
    code: str | None = None


class CodeableConcept(msgspec.Struct, frozen=True):
    coding: tuple[Coding, ...] = ()


class Identifier(msgspec.Struct, frozen=True):
    system: str | None = None
    value: str | None = None


class Reference(msgspec.Struct, frozen=True):
    reference: str | None = None
    identifier: Identifier | None = None
    display: str | None = None

    def literal(self) -> str | None:
        """``Type/id`` without a version."""
        return self.reference.partition("/_history/")[0] if self.reference else None

    def id_of(self, resource_type: str) -> str | None:
        kind, _, id_ = (self.literal() or "").partition("/")
        return id_ if kind == resource_type and id_ else None


class Extension(msgspec.Struct, frozen=True):
    url: str = ""
    valueBoolean: bool | None = None


class Study(msgspec.Struct, frozen=True):
    status: str = ""
    subject: Reference | None = None
    basedOn: tuple[Reference, ...] = ()
    extension: tuple[Extension, ...] = ()

    @property
    def is_emergency(self) -> bool:
        return any(one.url == EMERGENCY and one.valueBoolean for one in self.extension)


class Report(msgspec.Struct, frozen=True):
    status: str = ""
    basedOn: tuple[Reference, ...] = ()
    imagingStudy: tuple[Reference, ...] = ()
    result: tuple[Reference, ...] = ()


class Order(msgspec.Struct, frozen=True):
    status: str = ""
    intent: str = ""
    priority: str | None = None
    occurrenceTiming: dict[str, Any] | None = None
    performer: tuple[Reference, ...] = ()


class Output(msgspec.Struct, frozen=True):
    valueReference: Reference | None = None


class Task(msgspec.Struct, frozen=True):
    status: str = ""
    code: CodeableConcept | None = None
    focus: Reference | None = None
    owner: Reference | None = None
    output: tuple[Output, ...] = ()
    for_: Reference | None = msgspec.field(name="for", default=None)

    @property
    def patient(self) -> str | None:
        return self.for_.id_of("Patient") if self.for_ else None

    @property
    def is_reading(self) -> bool:
        codings: Iterable[Coding] = self.code.coding if self.code else ()
        return any(coding.system == TASK_CODE and coding.code == READ_STUDY for coding in codings)

    @property
    def reports(self) -> frozenset[str]:
        """Ids of the DiagnosticReports among its outputs."""
        found = (one.valueReference.id_of("DiagnosticReport") for one in self.output if one.valueReference)
        return frozenset(id_ for id_ in found if id_)


class Context(msgspec.Struct, frozen=True):
    related: tuple[Reference, ...] = ()


class Document(msgspec.Struct, frozen=True):
    context: Context | None = None


read_document = msgspec.json.Decoder(Document).decode
read_study = msgspec.json.Decoder(Study).decode
read_report = msgspec.json.Decoder(Report).decode
read_order = msgspec.json.Decoder(Order).decode
read_task = msgspec.json.Decoder(Task).decode
