"""Whose ECG it is: what the sender says beside the file, what the file says, or nobody yet."""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.contracts import codes, resident_id
from hub.contracts.errors import Incorrect

from .recording import PatientFacts

PARAMETERS = frozenset({"patient", "name", "order", "emergency"})
TEMPORARY_NAME = "无名氏"


@dataclass(frozen=True, slots=True)
class Identified:
    """``system`` and ``value`` are empty where only a name, or nobody at all (``temporary``), is known."""

    system: str = ""
    value: str = ""
    name: str = ""
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """What came beside the file (query of ``POST /ingest/ecg``)."""

    system: str = ""
    value: str = ""
    name: str = ""
    order: str = ""
    emergency: bool = False


def beside(query: Mapping[str, str]) -> Beside:
    """Raises Incorrect (400) naming the parameter that is unknown or malformed."""
    for parameter in query:
        if parameter not in PARAMETERS:
            raise _malformed("A parameter is not known.", parameter[:40], f"Known are {', '.join(sorted(PARAMETERS))}.")
    system, bar, value = query.get("patient", "").strip().partition("|")
    if query.get("patient") and not (bar and system.strip() and value.strip()):
        raise _malformed("The patient is not given as SYSTEM|VALUE.", "patient", "Give patient=SYSTEM|VALUE.")
    emergency = query.get("emergency", "false").strip().lower()
    if emergency not in ("true", "false", ""):
        raise _malformed("emergency is neither true nor false.", "emergency", "Give emergency=true.")
    system, value = system.strip(), value.strip()
    if system == codes.RESIDENT_ID:
        value = value.upper()  # the check character is written large, whatever a keyboard gave
    return Beside(
        system,
        value,
        query.get("name", "").strip(),
        query.get("order", "").strip(),
        emergency == "true",
    )


def identified(facts: PatientFacts, said: Beside, organization: str) -> Identified:
    """The sender's word beside the file comes first, then the file's. Raises Incorrect where both give a resident ID
    and the two differ, and where neither names anybody and it is no emergency."""
    system, value = said.system, said.value
    if facts.identifier:
        own = facts.identifier.upper()
        resident = resident_id.is_number(own)
        if said.system == codes.RESIDENT_ID and resident and said.value != own:
            raise Incorrect(
                "The file and the patient parameter name different persons.",
                where="patient",
                remedy="Check whose recording it is, then send it with the right identity.",
            )
        if not said.value:
            system = codes.RESIDENT_ID if resident else f"{codes.LOCAL_ID}/{organization}/PI"
            value = own if resident else facts.identifier
    name = said.name or facts.name
    if value or name:
        return Identified(system, value, name)
    if said.emergency:
        return Identified(name=TEMPORARY_NAME, temporary=True)
    raise Incorrect(
        "The file names nobody, and nobody is named beside it.",
        where="patient",
        remedy="Send it with patient=SYSTEM|VALUE (and name=), or with emergency=true for a person not yet known.",
        issue_code="required",
    )


def _malformed(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, http_status=400)
