"""The smallest questions of a search, as pure functions of a candidate's facts (R4 search.html, per parameter type).

An atom is one value of one criterion: it tells whether a resource meets it, and by which of its index rows. A
``Clause`` is a criterion: its atoms, any of which must be met (or, for ``:not``, none).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.fhir.search import Prefix

from .facts import INDEXED_CHARACTERS, Facts, span_of

Row = tuple[Any, ...]


class Place(NamedTuple):
    """Where a row of a resource stands in the scans of a clause: (number of the atom, part of the index, value)."""

    atom: int
    part: int
    value: Row


@dataclass(frozen=True, slots=True)
class TokenAtom:
    """``code`` None: any code of the system; ``system`` None: any system, 0: none. Both must be known to lead."""

    parameter: int
    code: int | None
    system: int | None

    @property
    def key(self) -> Row:
        return (0, self.parameter, self.code or 0, -1 if self.system is None else self.system)

    @property
    def leads(self) -> bool:
        return self.code is not None and self.system is not None

    def rows(self, facts: Facts) -> Iterator[tuple[int, Row]]:
        for parameter, code, system in facts.keys.tokens:
            if (
                parameter == self.parameter
                and (self.code is None or code == self.code)
                and (self.system is None or system == self.system)
            ):
                yield 0, ()


@dataclass(frozen=True, slots=True)
class ReferenceAtom:
    """``target`` is a rid, ``kind`` the number of its type, 0 for an absolute URL."""

    parameter: int
    target: int
    kind: int

    @property
    def key(self) -> Row:
        return (1, self.parameter, self.target)

    @property
    def leads(self) -> bool:
        return True

    def rows(self, facts: Facts) -> Iterator[tuple[int, Row]]:
        for parameter, _, target in facts.links:
            if target == self.target and parameter == self.parameter:
                yield 0, ()


@dataclass(frozen=True, slots=True)
class DateAtom:
    """``parameter`` negative: the time of the last update. ``low`` to ``high``: what the written date may mean."""

    parameter: int
    prefix: Prefix
    low: int
    high: int

    @property
    def key(self) -> Row:
        return (2, self.parameter, self.prefix.value, self.low, self.high)

    @property
    def leads(self) -> bool:
        return self.prefix is not Prefix.NE

    def holds(self, low: int, high: int) -> bool:
        match self.prefix:
            case Prefix.EQ:
                return self.low <= low and high <= self.high
            case Prefix.NE:
                return not (self.low <= low and high <= self.high)
            case Prefix.GT:
                return high > self.high
            case Prefix.LT:
                return low < self.low
            case Prefix.GE:
                return high > self.high or (self.low <= low and high <= self.high)
            case Prefix.LE:
                return low < self.low or (self.low <= low and high <= self.high)
            case Prefix.SA:
                return low > self.high
            case Prefix.EB:
                return high < self.low

    def rows(self, facts: Facts) -> Iterator[tuple[int, Row]]:
        if self.parameter < 0:
            if self.holds(facts.ts, facts.ts):
                yield 0, (facts.ts, facts.ts)
            return
        for parameter, low, high in facts.keys.dates:
            if parameter == self.parameter and self.holds(low, high):
                yield span_of(low, high), (low, high)


@dataclass(frozen=True, slots=True)
class StringAtom:
    """``exact``: the whole text as written; else the beginning of the normalised text."""

    parameter: int
    exact: bool
    text: str
    normalised: str

    @property
    def key(self) -> Row:
        return (3, self.parameter, self.exact, self.text, self.normalised)

    @property
    def leads(self) -> bool:
        return self.normalised != ""

    def rows(self, facts: Facts) -> Iterator[tuple[int, Row]]:
        for parameter, plain, exact in facts.keys.strings:
            if parameter == self.parameter and self._holds(plain, exact):
                yield 0, (plain[:INDEXED_CHARACTERS],)

    def _holds(self, plain: str, exact: str) -> bool:
        return (exact or plain) == self.text if self.exact else plain.startswith(self.normalised)


@dataclass(frozen=True, slots=True)
class QuantityAtom:
    """Numbers too. ``unit`` None: any; ``system`` None: ``unit`` may be the code or the unit's text."""

    parameter: int
    prefix: Prefix
    value: float
    low: float
    high: float
    system: int | None = None
    unit: int | None = None

    @property
    def key(self) -> Row:
        return (4, self.parameter, self.prefix.value, self.value, self.low, self.system or 0, self.unit or 0)

    @property
    def leads(self) -> bool:
        return self.prefix is not Prefix.NE

    def rows(self, facts: Facts) -> Iterator[tuple[int, Row]]:
        for parameter, value, system, code, unit in facts.keys.quantities:
            if parameter == self.parameter and self._holds(value) and self._fits(system, code, unit):
                yield 0, (value,)

    def _holds(self, value: float) -> bool:
        match self.prefix:
            case Prefix.EQ:
                return self.low <= value < self.high
            case Prefix.NE:
                return not self.low <= value < self.high
            case Prefix.GT | Prefix.SA:
                return value > self.value
            case Prefix.LT | Prefix.EB:
                return value < self.value
            case Prefix.GE:
                return value >= self.value
            case Prefix.LE:
                return value <= self.value

    def _fits(self, system: int, code: int, unit: int) -> bool:
        if self.unit is None:
            return self.system is None or system == self.system
        if self.system is None:
            return self.unit in (code, unit)
        return system == self.system and code == self.unit


Atom = TokenAtom | ReferenceAtom | DateAtom | StringAtom | QuantityAtom


@dataclass(frozen=True, slots=True)
class Clause:
    """One criterion. ``atoms`` are sorted by their keys."""

    atoms: tuple[Atom, ...]
    negated: bool = False

    @property
    def leads(self) -> bool:
        """Whether index scans can give its matches."""
        return not self.negated and all(atom.leads for atom in self.atoms)

    def holds(self, facts: Facts) -> bool:
        for atom in self.atoms:
            for _ in atom.rows(facts):
                return not self.negated
        return self.negated

    def first(self, facts: Facts) -> Place | None:
        """Of all places where a resource turns up in the scans of this clause, the one that counts."""
        for number, atom in enumerate(self.atoms):
            rows = list(atom.rows(facts))
            if rows:
                return Place(number, *min(rows))
        return None

    @property
    def may_repeat(self) -> bool:
        """Whether its scans can meet one resource more than once, or one that is no match after all."""
        return len(self.atoms) > 1 or not self.exact

    @property
    def exact(self) -> bool:
        """Whether every row of its scans is a match."""
        return all(isinstance(atom, TokenAtom | ReferenceAtom) for atom in self.atoms)


@dataclass(frozen=True, slots=True)
class Presence:
    """``:missing``. ``kind`` says where the values of a parameter stand; ``types`` restrict references."""

    kind: str
    parameters: frozenset[int]
    missing: bool
    types: frozenset[int] | None = None

    leads = False

    def holds(self, facts: Facts) -> bool:
        return self._present(facts) != self.missing

    def _present(self, facts: Facts) -> bool:
        if self.kind == "reference":
            for parameter, type_number, _ in facts.links:
                if parameter in self.parameters and (self.types is None or type_number in self.types):
                    return True
        rows: Any = {
            "date": facts.keys.dates,
            "string": facts.keys.strings,
            "quantity": facts.keys.quantities,
            "number": facts.keys.quantities,
        }.get(self.kind, facts.keys.tokens)
        return any(row[0] in self.parameters for row in rows)
