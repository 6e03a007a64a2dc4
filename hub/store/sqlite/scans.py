"""Index scans: which rows of which table hold the matches of an atom, for one owner, in which order; as SQL."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.fhir.search import Prefix

from .atoms import Atom, DateAtom, QuantityAtom, ReferenceAtom, Row, StringAtom, TokenAtom
from .facts import INDEXED_CHARACTERS, SPAN_MS
from .schema import END_OF_TIME, NO_DATE

ALL_OWNERS = "owner IN (SELECT n FROM party WHERE kind = 0)"
"""For indexes that lead with the owner, where order does not matter."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One range of one index. ``key`` tells the scans of a search apart and orders them. A row is the values of
    ``order``, the last of which is rid; the first ``width`` are the indexed value. ``holds`` decides where the range is
    wider than the question."""

    key: Row
    table: str
    where: str
    values: tuple[Any, ...]
    order: tuple[str, ...]
    width: int = 0
    holds: Callable[[Row], bool] | None = None

    def also(self, condition: str, values: Sequence[Any]) -> "Scan":
        """With more conditions on its rows."""
        return replace(self, where=self.where + condition, values=(*self.values, *values)) if condition else self

    def sql(self, after: Row | None, *, descending: bool = False) -> tuple[str, list[Any]]:
        """The rows in order, from behind the row ``after``."""
        columns = ", ".join(self.order)
        text = f"SELECT {columns} FROM {self.table} WHERE {self.where}"  # noqa: S608 - constants of this module
        values = [*self.values]
        if after is not None:
            text += f" AND ({columns}) {'<' if descending else '>'} ({', '.join('?' * len(after))})"
            values += after
        direction = " DESC" if descending else ""
        return f"{text} ORDER BY {', '.join(column + direction for column in self.order)}", values

    def count(self, most: int) -> tuple[str, list[Any]]:
        """How many rows, at most ``most``."""
        text = f"SELECT count(*) FROM (SELECT 1 FROM {self.table} WHERE {self.where} LIMIT ?)"  # noqa: S608
        return text, [*self.values, most]

    def rids(self) -> tuple[str, list[Any]]:
        """Rows in whatever order is quickest."""
        return f"SELECT {', '.join(self.order)} FROM {self.table} WHERE {self.where}", [*self.values]  # noqa: S608


def scans_of(number: int, atom: Atom, owners: Sequence[int] | None, patients: Sequence[tuple[int, int]] | None,
             *, apart: bool) -> Iterator[Scan]:  # fmt: skip
    """The scans that give the matches of an atom, the ``number``-th of its clause.

    ``owners`` None: every organization's rows. ``patients``: only rows of these (owner, Patient) pairs, for tokens
    alone. ``apart``: one scan for each owner, so that each has an order of its own to page through."""
    match atom:
        case TokenAtom():
            yield from _tokens(number, atom, owners, patients)
        case ReferenceAtom():
            where = "p = ? AND tgt = ?"
            yield from _by_owner((number, 0), "ref", where, (atom.parameter, atom.target), owners, ("sd", "rid"))
        case DateAtom():
            yield from _dates(number, atom, owners, apart=apart)
        case StringAtom():
            text = atom.normalised[:INDEXED_CHARACTERS]
            where, values = "v >= ? AND v < ?", (text, f"{text}\U0010ffff")
            if atom.exact:
                where, values = "v >= ? AND v <= ?", (text, text)
            yield from _ranges((number, 0), "str", atom.parameter, where, values, owners, ("v", "rid"), 1, apart=apart)
        case QuantityAtom():
            where, values = _value_range(atom)
            yield from _ranges((number, 0), "qty", atom.parameter, where, values, owners, ("v", "rid"), 1, apart=apart)


def dated_scans(
    number: int, atom: Atom, owners: Sequence[int] | None, patients: Sequence[tuple[int, int]] | None
) -> Iterator[Scan]:
    """The matches of a token or a reference, each scan in the order of the primary date; SQLite sorts where the index
    does not. ``patients``: the (owner, Patient) pairs there are, where it is narrowed to Patients or names them."""
    order = ("sd", "rid")
    if isinstance(atom, TokenAtom):
        if patients is not None:
            yield from _tokens(number, atom, owners, patients)
            return
        table, where = "tok", "p = ? AND h = ? AND sys = ?"
        values: Row = (atom.parameter, atom.code, atom.system)
    else:
        assert isinstance(atom, ReferenceAtom)  # noqa: S101 - an exact clause has these two alone
        table, where, values = "ref", "p = ? AND tgt = ?", (atom.parameter, atom.target)
        if patients is not None:
            owners = [owner for owner, patient in patients if patient == atom.target]
    if owners is None:
        yield Scan((number, 0, 0), table, f"{where} AND owner > 0", values, order)
        return
    yield from _by_owner((number, 0), table, where, values, owners, order)


def listing(type_number: int, owners: Sequence[int] | None, *, apart: bool) -> Iterator[Scan]:
    """All resources of a type, by the time of their last update."""
    yield from dates(-type_number, 0, owners, apart=apart)


def dates(parameter: int, part: int, owners: Sequence[int] | None, *, apart: bool) -> Iterator[Scan]:
    """All rows of a date parameter, of one class of length."""
    yield from _dated((0, part), parameter, part, "1", (), owners, None, apart=apart)


def strings(parameter: int, owners: Sequence[int] | None) -> Iterator[Scan]:
    yield from _ranges((0, 0), "str", parameter, "1", (), owners, ("v", "rid"), 1, apart=True)


def quantities(parameter: int, owners: Sequence[int] | None) -> Iterator[Scan]:
    yield from _ranges((0, 0), "qty", parameter, "1", (), owners, ("v", "rid"), 1, apart=True)


def _tokens(
    number: int, atom: TokenAtom, owners: Sequence[int] | None, patients: Sequence[tuple[int, int]] | None
) -> Iterator[Scan]:
    where, values = "p = ? AND h = ? AND sys = ?", (atom.parameter, atom.code, atom.system)
    if patients is None:
        yield from _by_owner((number, 0), "tok", where, values, owners, ("pat", "sd", "rid"))
        return
    for owner, patient in patients:
        of_patient = f"{where} AND owner = ? AND pat = ?"
        yield Scan((number, 0, owner, patient), "tok", of_patient, (*values, owner, patient), ("sd", "rid"))


def _by_owner(
    key: Row, table: str, where: str, values: Row, owners: Sequence[int] | None, order: tuple[str, ...]
) -> Iterator[Scan]:
    """Of indexes in which the value stands before the owner."""
    if owners is None:
        yield Scan((*key, 0), table, f"{where} AND owner > 0", values, ("owner", *order))
        return
    for owner in owners:
        yield Scan((*key, owner), table, f"{where} AND owner = ?", (*values, owner), order)


def _ranges(
    key: Row, table: str, parameter: int, where: str, values: Row, owners: Sequence[int] | None,
    order: tuple[str, ...], width: int, holds: Callable[[Row], bool] | None = None, *, apart: bool, part: str = "",
) -> Iterator[Scan]:  # fmt: skip
    """Of indexes in which the owner stands before the value; ``owners`` None only where order does not matter."""
    if owners is None:
        assert not apart  # noqa: S101 - the caller names the owners then
        text = f"p = ?{part} AND {ALL_OWNERS} AND {where}"
        yield Scan((*key, 0), table, text, (parameter, *values), order, width, holds)
        return
    for owner in owners:
        text = f"p = ?{part} AND owner = ? AND {where}"
        yield Scan((*key, owner), table, text, (parameter, owner, *values), order, width, holds)


def _dates(number: int, atom: DateAtom, owners: Sequence[int] | None, *, apart: bool) -> Iterator[Scan]:
    for part in (0,) if atom.parameter < 0 else range(len(SPAN_MS)):
        low, high = _beginnings(atom, SPAN_MS[part])
        if low <= high:
            where = "lo >= ? AND lo <= ?"
            yield from _dated(
                (number, part), atom.parameter, part, where, (low, high), owners, _holding(atom), apart=apart
            )


def _dated(
    key: Row, parameter: int, part: int, where: str, values: Row, owners: Sequence[int] | None,
    holds: Callable[[Row], bool] | None, *, apart: bool,
) -> Iterator[Scan]:  # fmt: skip
    order = ("lo", "hi", "rid")
    yield from _ranges(
        key, "dat", parameter, where, values, owners, order, 2, holds, apart=apart, part=f" AND span = {part}"
    )


def _holding(atom: DateAtom) -> Callable[[Row], bool]:
    return lambda row: atom.holds(row[0], row[1])


def _beginnings(atom: DateAtom, longest: int) -> tuple[int, int]:
    """Between which limits a range of at most ``longest`` that meets the atom can begin."""
    first, last = NO_DATE, END_OF_TIME
    match atom.prefix:
        case Prefix.EQ:
            first, last = atom.low, atom.high
        case Prefix.GT:
            first = atom.high - longest + 1
        case Prefix.GE:
            first = min(atom.low, atom.high - longest + 1)
        case Prefix.LT | Prefix.EB:
            last = atom.low - 1
        case Prefix.LE:
            last = atom.high
        case Prefix.SA:
            first = atom.high + 1
        case _:
            pass
    return max(first, NO_DATE), min(last, END_OF_TIME)


def _value_range(atom: QuantityAtom) -> tuple[str, Row]:
    match atom.prefix:
        case Prefix.EQ:
            return "v >= ? AND v < ?", (atom.low, atom.high)
        case Prefix.GT | Prefix.SA:
            return "v > ?", (atom.value,)
        case Prefix.LT | Prefix.EB:
            return "v < ?", (atom.value,)
        case Prefix.GE:
            return "v >= ?", (atom.value,)
        case _:
            return "v <= ?", (atom.value,)
