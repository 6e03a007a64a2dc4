"""Who sent a message, and the identifier systems that are its own."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import INSTITUTION_ID, LOCAL_ID

from .message import Message

_NOT_IN_URI = re.compile(r"[^\w.\-]")
_LONGEST_KEPT = 300
_ESCAPED = re.compile(r"(?:~[0-9a-f]{2})+")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CONDITION_ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\|", ",": "\\,", "$": "\\$"})
_QUERY_ESCAPES = str.maketrans({"%": "%25", "&": "%26", "+": "%2B", "#": "%23", ";": "%3B", "=": "%3D"})
_PLAIN = re.compile(r"[\w.\-/^: ~()]*")


@dataclass(frozen=True, slots=True)
class Source:
    """``facility`` is MSH-4.1. ``organization`` is a FHIR Reference to the organization whose record a message is.

    ``root`` stands in every system of this source: the sender's Organization id, so that a number means the same in
    HL7 v2, in an image and in an ECG of one clinic; the facility where a platform sends for several."""

    facility: str
    application: str
    organization: dict[str, Any]
    root: str

    def system(self, kind: str, namespace: str = "") -> str:
        """URI of a number or code space of this source (patient numbers of type PI, its test codes), or of one
        ``namespace`` among them."""
        return local_system(self.root, kind, "" if namespace in (self.facility, self.root) else namespace)


def local_system(root: str, kind: str, namespace: str = "") -> str:
    if len(root) + len(kind) + len(namespace) > _LONGEST_KEPT:
        return _local_system.__wrapped__(root, kind, namespace)
    return _local_system(root, kind, namespace)


@lru_cache(maxsize=4096)
def _local_system(root: str, kind: str, namespace: str) -> str:
    return "/".join((LOCAL_ID, _in_uri(root), *((_in_uri(namespace),) if namespace else ()), _in_uri(kind)))


def _in_uri(text: str) -> str:
    return _NOT_IN_URI.sub(lambda found: "".join(f"~{byte:02x}" for byte in found[0].encode()), text) or "-"


def local_parts(system: str) -> tuple[str, str, str] | None:
    """Root, kind and namespace (or empty) of a system that ``local_system`` made; None for any other."""
    if not system.startswith(f"{LOCAL_ID}/"):
        return None
    parts = [_ESCAPED.sub(_from_uri, part) for part in system[len(LOCAL_ID) + 1 :].split("/")]
    return (parts[0], parts[-1], parts[1] if len(parts) > 2 else "") if len(parts) > 1 else None


def _from_uri(found: re.Match[str]) -> str:
    return bytes.fromhex(found[0].replace("~", "")).decode("utf-8", "replace")


def system_of_oid(oid: str) -> str:
    return f"urn:oid:{oid}"


def condition(system: str, value: str) -> str:
    """The query ``identifier=system|value``: signs with a meaning in a FHIR token are escaped (R4 search.html,
    escaping), signs with a meaning in a query string percent-encoded."""
    if _PLAIN.fullmatch(value):
        return f"identifier={system}|{value}"
    return f"identifier={system}|{value.translate(_CONDITION_ESCAPES).translate(_QUERY_ESCAPES)}"


def is_fhir_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def source_of(message: Message, caller: Caller) -> Source:
    """A clinic's message is of the clinic. A platform sends for several: MSH-22 (sending responsible organization)
    or else MSH-4 says whose it is."""
    header = message.header
    facility = header.text(4)
    root = facility if caller.role is Role.PLATFORM else caller.organization
    return Source(facility, header.text(3), _organization(message, caller, facility), root)


def _organization(message: Message, caller: Caller, facility: str) -> dict[str, Any]:
    if caller.role is not Role.PLATFORM:
        return {"reference": f"Organization/{caller.organization}"}
    responsible = message.header.raw(22)
    if responsible:
        parts = message.components(message.first_repetition(responsible))
        for number in (10, 3):
            if len(parts) >= number and is_fhir_id(parts[number - 1]):
                return {"reference": f"Organization/{parts[number - 1]}"}
    return {"type": "Organization", "identifier": {"system": INSTITUTION_ID, "value": facility}}
