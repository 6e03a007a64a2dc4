"""What a resource says of organizations, reports and patients, read without decoding the rest of it.

Elements of FHIR R4 4.0.1: ``performer`` (Observation, DiagnosticReport, ServiceRequest, Procedure …),
``managingOrganization`` (Patient, Location …), ``serviceProvider`` (Encounter), ``subject`` and ``patient``, and what a
DiagnosticReport cites (``result``, ``imagingStudy``, ``specimen``, ``media.link``).
"""

from collections.abc import Iterator
from typing import Any

import msgspec


class Citing(msgspec.Struct):
    """The few elements that decide ownership; everything else of the body is skipped."""

    performer: Any = None
    managingOrganization: Any = None
    serviceProvider: Any = None
    subject: Any = None
    patient: Any = None
    result: Any = None
    imagingStudy: Any = None
    specimen: Any = None
    media: Any = None

    def organizations(self) -> Iterator[dict[str, Any]]:
        """References that may name the organization whose record this is, the first that does decides."""
        for performer in _listed(self.performer):
            yield performer
            yield from _listed(performer.get("actor"))
            yield from _listed(performer.get("onBehalfOf"))
        yield from _listed(self.managingOrganization)
        yield from _listed(self.serviceProvider)

    def patients(self) -> Iterator[dict[str, Any]]:
        yield from _listed(self.subject)
        yield from _listed(self.patient)

    def parts(self) -> Iterator[str]:
        """References to what this report cites."""
        for element in (self.result, self.imagingStudy, self.specimen):
            for part in _listed(element):
                yield from reference_of(part)
        for media in _listed(self.media):
            for link in _listed(media.get("link")):
                yield from reference_of(link)


_decoder = msgspec.json.Decoder(Citing)


def citing(body: bytes) -> Citing:
    """A body that cannot be read cites nothing; the store refuses it with the reason later."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError):
        return Citing()


def reference_of(element: dict[str, Any]) -> Iterator[str]:
    """The literal reference of a Reference, without a version."""
    text = element.get("reference")
    if isinstance(text, str) and text:
        yield text.partition("/_history/")[0]


def identifier_of(element: dict[str, Any]) -> str | None:
    """The logical reference of a Reference as a token (``system|value``)."""
    identifier = element.get("identifier")
    if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
        return f"{identifier.get('system') or ''}|{identifier['value']}"
    return None


def _listed(element: Any) -> list[dict[str, Any]]:
    many = element if isinstance(element, list) else [element]
    return [one for one in many if isinstance(one, dict)]
