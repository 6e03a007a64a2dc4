"""Parameters (https://hl7.org/fhir/R4/parameters.html): what an operation is asked with in a POST, and answers with."""

from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect
from hub.fhir.model import not_json, too_deep


class _Parameters(msgspec.Struct):
    resourceType: str = ""
    parameter: list[dict[str, msgspec.Raw]] = msgspec.field(default_factory=list)


_decode = msgspec.json.Decoder(_Parameters).decode
_value = msgspec.json.decode


class Parameters:
    """The input of one operation. Every way of asking raises Incorrect (400) that names the parameter."""

    def __init__(self, given: list[tuple[str, str, bytes]]) -> None:
        """``given``: name, element (``valueString``, ``resource``), and its JSON as it was written."""
        self._given = given

    @classmethod
    def read(cls, body: bytes, known: Iterable[str], *, or_resource: str = "") -> "Parameters":
        """``known`` are the names the operation takes. ``or_resource``: a body that is no Parameters is taken as this
        parameter itself (operations.html#request)."""
        try:
            decoded = _decode(body)
        except msgspec.ValidationError:
            decoded = _Parameters()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise not_json(error, body) from None
        except RecursionError:
            raise too_deep() from None
        if decoded.resourceType != "Parameters":
            if or_resource and decoded.resourceType:
                return cls([(or_resource, "resource", body)])
            raise _wrong("The body is not a Parameters resource.", "Parameters", "Send resourceType Parameters.")
        given = [_one(number, parameter) for number, parameter in enumerate(decoded.parameter)]
        allowed = sorted(known)
        for name, _, _ in given:
            if name not in allowed:
                raise Incorrect(
                    f"The parameter {name[:64]!r} is not known to this operation.",
                    where="Parameters.parameter.name",
                    remedy=f"Known are {', '.join(allowed)}.",
                    issue_code="not-supported",
                    http_status=400,
                )
        return cls(given)

    def values(self, name: str, *elements: str) -> list[Any]:
        """The values given under ``name``, each in one of ``elements`` (``valueIdentifier``)."""
        found = []
        for given, element, raw in self._given:
            if given == name:
                if element not in elements:
                    raise _wrong(f"{name} is given as {element[:40]}.", name, f"Give it as {' or '.join(elements)}.")
                try:
                    found.append(_value(raw))
                except RecursionError:
                    raise too_deep() from None
        return found

    def value(self, name: str, *elements: str) -> Any:
        """The one value, None where it is not given."""
        found = self.values(name, *elements)
        if len(found) > 1:
            raise _wrong(f"{name} is given {len(found)} times.", name, "Give it once.")
        return found[0] if found else None

    def text(self, name: str, *, needed: bool = False) -> str | None:
        value = self.value(name, "valueString", "valueCode", "valueId", "valueUri", "valueMarkdown")
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise _wrong(f"{name} is no text.", name, "Give it as valueString.")
        if needed and value is None:
            raise missing(name, "valueString")
        return value.strip() if isinstance(value, str) else None

    def flag(self, name: str) -> bool:
        value = self.value(name, "valueBoolean")
        if not isinstance(value, bool | None):
            raise _wrong(f"{name} is neither true nor false.", name, "Give it as valueBoolean.")
        return bool(value)

    def resource(self, name: str) -> bytes | None:
        """The resource as it was written."""
        found = [raw for given, element, raw in self._given if given == name and element == "resource"]
        if len(found) > 1 or any(given == name and element != "resource" for given, element, _ in self._given):
            raise _wrong(f"{name} is not one resource.", name, "Give it once, as resource.")
        return found[0] if found else None


def missing(name: str, element: str) -> Incorrect:
    return Incorrect(
        f"The parameter {name} is missing.",
        where=f"Parameters.parameter:{name}",
        remedy=f"Give it as {element}.",
        issue_code="required",
        http_status=400,
    )


def _one(number: int, parameter: dict[str, msgspec.Raw]) -> tuple[str, str, bytes]:
    name = _value(parameter["name"]) if "name" in parameter else None
    elements = [one for one in parameter if one == "resource" or one.startswith("value")]
    if not isinstance(name, str) or len(elements) != 1:
        raise _wrong(
            "A parameter has not one name and one value.", f"Parameters.parameter[{number}]", "Give name and value[x]."
        )
    return name, elements[0], bytes(parameter[elements[0]])


def _wrong(what: str, where: str, remedy: str) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, http_status=400)


def parameters_bytes(parameters: Iterable[dict[str, Any]]) -> bytes:
    """An answer: each ``{"name": …, "value…": …}``."""
    return msgspec.json.encode({"resourceType": "Parameters", "parameter": list(parameters)})
