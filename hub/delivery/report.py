"""What is read of a DiagnosticReport (FHIR R4) to see whom it concerns and what must travel with it."""

from collections.abc import Sequence
from typing import Any

import msgspec

DELIVERED = frozenset({"final", "amended", "corrected", "appended"})
"""DiagnosticReport.status that is sent out (diagnostic-report-status); anything earlier is not for the clinic yet."""

WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
"""Sent out where an earlier version was: who acts on a report must learn that it does not hold."""


class Identifier(msgspec.Struct, frozen=True):
    system: str | None = None
    value: str | None = None


class Reference(msgspec.Struct, frozen=True):
    reference: str | None = None
    identifier: Identifier | None = None

    def local(self) -> tuple[str, str] | None:
        """Type and id of a reference to a resource of this hub."""
        parts = (self.reference or "").partition("/_history/")[0].split("/")
        return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


class Report(msgspec.Struct, frozen=True):
    status: str = ""
    subject: Reference | None = None
    basedOn: Sequence[Reference] = ()
    imagingStudy: Sequence[Reference] = ()
    result: Sequence[Reference] = ()
    specimen: Sequence[Reference] = ()
    performer: Sequence[Reference] = ()
    resultsInterpreter: Sequence[Reference] = ()

    def named(self) -> list[tuple[str, str]]:
        """Type and id of everything that must be there for the report to be understood, results not among them."""
        subject = [self.subject] if self.subject else []
        references = [*subject, *self.imagingStudy, *self.basedOn, *self.specimen, *self.performer,
                      *self.resultsInterpreter]  # fmt: skip
        return list(dict.fromkeys(local for reference in references if (local := reference.local())))


read_report = msgspec.json.Decoder(Report).decode
elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""A body element by element, each as it was written."""


class Identified(msgspec.Struct, frozen=True):
    identifier: Sequence[Identifier] = ()


_read_identified = msgspec.json.Decoder(Identified).decode


def identifiers(body: bytes) -> list[tuple[str, str]]:
    """System and value of each complete business identifier, in order. A few types have one, not a list: those count as
    having none here."""
    try:
        found: Any = _read_identified(body).identifier
    except msgspec.ValidationError:
        return []
    return [(one.system, one.value) for one in found if one.system and one.value]
