"""Extended operations (https://hl7.org/fhir/R4/operations.html): a registry, filled by the composition root."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .exchange import Request, Response

if TYPE_CHECKING:
    from .rooms import Rooms

Run = Callable[["Rooms", Request, str | None], Awaitable[Response]]
"""``(rooms, request, resource id or None)``."""


@dataclass(frozen=True, slots=True)
class Operation:
    """``name`` without the ``$``; ``resource_type`` None is the system level; ``on_instance`` says whether an id stands
    before it. ``methods``: GET only for what changes nothing."""

    name: str
    resource_type: str | None
    on_instance: bool
    methods: frozenset[str]
    run: Run
    definition: str = ""
    """Canonical URL of its OperationDefinition; empty where it is this hub's own."""


class Operations:
    """Finds an operation by where it was called."""

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self._known = {(one.name, one.resource_type, one.on_instance): one for one in operations}

    def described(self) -> tuple[tuple[str, str, str], ...]:
        """Resource type (empty: system), name and definition of each, for the capability statement."""
        return tuple(sorted({(one.resource_type or "", one.name, one.definition) for one in self._known.values()}))

    def find(self, name: str, resource_type: str | None, on_instance: bool) -> Operation | None:
        return self._known.get((name, resource_type, on_instance))
