"""Reading a CDS Hooks call: what is wrong is told by element, and nothing half-read is judged.

Required of a call are ``hook``, ``hookInstance``, ``context.patientId`` and ``context.draftOrders``; of order-select
also ``context.selections``; of order-dispatch ``context.dispatchedOrders`` and ``context.performer`` instead (hook
version 1.1; ``order`` and ``task`` of 1.0 are read too). Drafts are read leniently: they are not resources yet.
``prefetch``, ``fhirServer`` and ``fhirAuthorization`` may come and are not needed: the history is the hub's own, and
no token of theirs is used or kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect, TooLarge
from hub.exams.rows.fhir_reading import part, reference, text

from .discovery import Service

MOST_DRAFTS = 200
MOST_BYTES = 4 * 1024 * 1024
LONGEST_INSTANCE = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """One entry of ``context.draftOrders``. ``ref`` is its ``resourceType/id``."""

    ref: str
    resource: dict[str, Any]

    @property
    def is_request(self) -> bool:
        return self.ref.startswith("ServiceRequest/")

    @property
    def has_id(self) -> bool:
        return bool(text(self.resource, "id"))


@dataclass(frozen=True, slots=True)
class Call:
    hook_instance: str
    patient_id: str
    user: str
    encounter: str
    drafts: tuple[Draft, ...]
    selections: frozenset[str] | None
    """For order-select, the drafts that the user has just selected; None: all."""
    dispatched: tuple[str, ...] = ()
    """For order-dispatch, the orders that a performer is sought for: references to what the hub holds, or to what came
    as prefetch."""
    beside: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """Resources that came in the call, by ``resourceType/id``: what drafts may refer to."""

    @property
    def selected(self) -> list[int]:
        """Positions of the ServiceRequests to be judged."""
        return [
            at
            for at, draft in enumerate(self.drafts)
            if draft.is_request and (self.selections is None or draft.ref in self.selections)
        ]


def _wrong(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, http_status=400)


def _text(element: Any, name: str, where: str) -> str:
    value = part(element, name)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"{where} is missing or no text.", where, "Send it as CDS Hooks 2.0 defines.")
    return value


def decoded(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Incorrect (400) or TooLarge."""
    if len(raw) > MOST_BYTES:
        raise TooLarge("The call is too large.", remedy=f"Send at most {MOST_BYTES} bytes.")
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _wrong("The body is not valid JSON.", "", "Send one JSON object in UTF-8.") from None
    if not isinstance(content, dict):
        raise _wrong("The body is not a JSON object.", "", "Send one JSON object in UTF-8.")
    return content


def _drafts(context: dict[str, Any]) -> tuple[Draft, ...]:
    bundle = context.get("draftOrders")
    where = "context.draftOrders"
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise _wrong(f"{where} is missing or no Bundle.", where, "Send the drafts as a FHIR Bundle.")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise _wrong(f"{where}.entry is no list.", f"{where}.entry", "Send a list of entries.")
    if len(entries) > MOST_DRAFTS:
        raise TooLarge("Too many drafts in one call.", where=where, remedy=f"Send at most {MOST_DRAFTS}.")
    found: list[Draft] = []
    for number, entry in enumerate(entries):
        place = f"{where}.entry[{number}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise _wrong(f"{place} is missing or no resource.", place, "Every entry holds one draft.")
        named = text(resource, "id") or f"#{number}"
        found.append(Draft(f"{resource['resourceType']}/{named}", resource))
    if len({draft.ref for draft in found}) != len(found):
        raise _wrong("Two drafts have the same id.", where, "Give every draft an id of its own.")
    return tuple(found)


def _selections(context: dict[str, Any], service: Service, drafts: Sequence[Draft]) -> frozenset[str] | None:
    if service.hook != "order-select":
        return None
    where = "context.selections"
    selections = context.get("selections")
    if not isinstance(selections, list) or not all(isinstance(each, str) for each in selections):
        raise _wrong(f"{where} is missing or no list of ids.", where, "Name the selected drafts.")
    known = {draft.ref for draft in drafts}
    by_id = {draft.ref.partition("/")[2]: draft.ref for draft in drafts}
    named: list[str] = selections
    for number, each in enumerate(named):
        if each not in known and each not in by_id:
            place = f"{where}[{number}]"
            raise _wrong(f"{place} names no draft.", place, "Name drafts of context.draftOrders as Type/ID.")
    return frozenset(each if each in known else by_id[each] for each in named)


def _dispatched(context: dict[str, Any]) -> tuple[str, ...]:
    """The references of an order-dispatch context: ``dispatchedOrders``, as the examples of the hook also write it
    ``dispatched-orders``; ``order`` in its version 1.0."""
    named = context.get("dispatchedOrders", context.get("dispatched-orders"))
    where = "context.dispatchedOrders"
    if named is None and isinstance(context.get("order"), str):
        named, where = [context["order"]], "context.order"
    if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
        raise _wrong(f"{where} is missing or no list of references.", where, "Name the orders that are dispatched.")
    if len(named) > MOST_DRAFTS:
        raise TooLarge("Too many orders in one call.", where=where, remedy=f"Send at most {MOST_DRAFTS}.")
    _text(context, "performer", "context.performer")
    found = tuple(dict.fromkeys(reference({"reference": each.strip()}) for each in named))
    for number, each in enumerate(found):
        if not all(each.partition("/")[::2]):
            place = f"{where}[{number}]"
            raise _wrong(f"{place} is no reference.", place, "Write it as ServiceRequest/ID.")
    return found


def _resources(value: Any) -> Iterator[dict[str, Any]]:
    """A resource, or those in a Bundle."""
    if not isinstance(value, dict):
        return
    if value.get("resourceType") == "Bundle":
        entries = value.get("entry")
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if isinstance(resource, dict):
                yield resource
    else:
        yield value


def _beside(content: dict[str, Any], context: dict[str, Any]) -> dict[str, dict[str, Any]]:
    prefetch = content.get("prefetch")
    given = [*(prefetch.values() if isinstance(prefetch, dict) else ()), context.get("draftOrders")]
    return {
        f"{resource['resourceType']}/{resource['id']}": resource
        for value in given
        for resource in _resources(value)
        if text(resource, "resourceType") and text(resource, "id")
    }


def _instance(content: dict[str, Any]) -> str:
    """A UUID as the standard has it; any other printable text that is unique serves as well."""
    instance = _text(content, "hookInstance", "hookInstance")
    if len(instance) > LONGEST_INSTANCE or not instance.isprintable():
        raise _wrong("hookInstance is malformed.", "hookInstance", "Send a UUID, a new one for every call.")
    return instance


def read_call(raw: bytes, service: Service) -> Call:
    """Raises Incorrect naming the element, TooLarge."""
    content = decoded(raw)
    hook = _text(content, "hook", "hook")
    if hook != service.hook:
        raise _wrong(f"This service answers the hook {service.hook}.", "hook", "See GET /cds-services.")
    instance = _instance(content)
    context = content.get("context")
    if not isinstance(context, dict):
        raise _wrong("context is missing or no object.", "context", "Send the context of the hook.")
    patient = reference({"reference": _text(context, "patientId", "context.patientId").strip()})
    kind, _, number = patient.rpartition("/")
    if kind not in ("", "Patient") or not number:
        raise _wrong("context.patientId is no Patient.", "context.patientId", "Send the id of a Patient.")
    dispatching = service.hook == "order-dispatch"
    drafts = () if dispatching else _drafts(context)
    encounter = text(context, "encounterId")
    return Call(
        hook_instance=instance,
        patient_id=number,
        user=text(context, "userId"),
        encounter=encounter if encounter.startswith("Encounter/") or not encounter else f"Encounter/{encounter}",
        drafts=drafts,
        selections=_selections(context, service, drafts),
        dispatched=_dispatched(context) if dispatching else (),
        beside=_beside(content, context),
    )
