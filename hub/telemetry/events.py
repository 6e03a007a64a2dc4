"""The catalogue of log events.

A log line is an event that some room declared, with the fields it declared and no others: what is not on the list
cannot be logged, so that no name, number or text of a patient reaches a log by accident. Rooms declare their events
at module level::

    FAILED = declare("delivery.failed", "warning", ("destination", "attempt", "error"), "A try did not arrive.")
    FAILED.log(destination=name, attempt=3, error=type(failure).__name__)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from . import lines

Level = Literal["debug", "info", "warning", "error"]
Value = str | int | float | bool | None

LONGEST_TEXT = 300
"""Characters of one text field; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line. ``fields`` may hold names of clients, organizations, doors, counts, durations, error
    classes and ids of resources' *types*; never data of a person."""

    name: str
    level: Level
    fields: frozenset[str]
    meaning: str

    def log(self, **values: Value) -> None:
        """Write one line. A field that was not declared is left out and its name alone listed under ``dropped``."""
        shown: dict[str, object] = {}
        dropped: list[str] = []
        for name, value in values.items():
            if name not in self.fields:
                dropped.append(name)
            elif isinstance(value, str) and len(value) > LONGEST_TEXT:
                shown[name] = value[:LONGEST_TEXT]
            elif value is not None:
                shown[name] = value
        if dropped:
            shown["dropped"] = dropped
        lines.write(self.level, self.name, shown)


_catalogue: dict[str, Event] = {}


def declare(name: str, level: Level, fields: tuple[str, ...], meaning: str) -> Event:
    """Add an event to the catalogue. The same name twice with other fields is a mistake in the code: ValueError."""
    event = Event(name, level, frozenset(fields), meaning)
    known = _catalogue.setdefault(name, event)
    if known != event:
        raise ValueError(f"event {name} is declared twice")
    return known


def catalogue() -> Mapping[str, Event]:
    """Every event declared by the modules imported so far, by name."""
    return dict(_catalogue)
