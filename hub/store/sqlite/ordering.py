"""The order of matches (R4 search.html#sort). A resource with several values counts by its lowest when ascending and by
its highest when descending; one without any comes last either way. Ties go by age, in the direction of the first key.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hub.fhir import model
from hub.fhir.extract import extract
from hub.fhir.search import SearchQuery, SortKey

from .atoms import Row
from .candidates import Candidates, Found
from .criteria import parameters_of
from .facts import INDEXED_CHARACTERS, Facts
from .names import Names
from .planning import MOST_COLLECTED, sort_index, too_many
from .reading import facts_of, rows_of, stored_of
from .scans import Scan, dates, quantities, strings
from .schema import TYPE_NUMBERS

MOST_READ = 2_000
"""Matches that are sorted by what only their bodies say: codes, references, uris."""

Values = tuple[Any, ...]
"""One for each sort key, None where the resource has none."""


def sorted_by_index(candidates: Candidates, query: SearchQuery, after: Found | None) -> Iterator[Found]:
    """Matches in the order of the one parameter to sort by, read from its index; then those without a value, by the
    time of their last update."""
    key = query.sort[0]
    if after is None or after[0] == (0,):
        start = None if after is None else after[1]
        rows = candidates.merged(_sort_scans(candidates, query), start, descending=key.descending)
        also = None if key.param is None else _extreme(key)
        for row in candidates.checked(rows, None, also):
            yield (0,), row
    if key.param is None:
        return
    resume = None if after is None or after[0] == (0,) else after[1]
    parameters = parameters_of(key.param)
    scans = dates(-TYPE_NUMBERS[query.type], 0, candidates.owners(apart=True), apart=True)

    def has_none(facts: Facts, row: Row) -> bool:
        return not _values_in(facts, key, parameters)

    for row in candidates.checked(candidates.merged(scans, resume, descending=key.descending), None, has_none):
        yield (1,), row


def collected(candidates: Candidates, query: SearchQuery, rids: Iterator[int], skip: int) -> list[tuple[Values, int]]:
    """All matches with what they are sorted by, in order. Raises Unsupported (too-costly) for too many."""
    seen: dict[int, None] = {}
    matches: list[Facts] = []
    keys = query.sort
    for chunk in _chunks(rids, candidates):
        fresh = [rid for rid in chunk if rid not in seen]
        seen.update(dict.fromkeys(fresh))
        facts = facts_of(candidates.connection, fresh)
        others = candidates.others(skip)
        matches += [one for one in facts.values() if candidates.passes(one, others)]
        if len(matches) > MOST_COLLECTED:
            raise too_many(MOST_COLLECTED)
    values = _Values(candidates.connection, candidates.names, matches)
    found = [(tuple(values.of(key, one) for key in keys), one.rid) for one in matches]
    return _in_order(found, keys)


def behind(found: Sequence[tuple[Values, int]], keys: Sequence[SortKey], after: Row) -> Sequence[tuple[Values, int]]:
    """What comes after the place ``after`` (values and rid), which need not be there any more."""
    *values, rid = after
    marked = _in_order([*found, (tuple(values), rid)], keys)
    at = marked.index((tuple(values), rid))
    rest = marked[at + 1 :]
    return rest[1:] if rest and rest[0] == (tuple(values), rid) else rest


def _in_order(found: list[tuple[Values, int]], keys: Sequence[SortKey]) -> list[tuple[Values, int]]:
    ordered = sorted(found, key=lambda one: one[1], reverse=bool(keys) and keys[0].descending)
    for number in range(len(keys) - 1, -1, -1):
        have = [one for one in ordered if one[0][number] is not None]
        have.sort(key=lambda one: one[0][number], reverse=keys[number].descending)
        ordered = have + [one for one in ordered if one[0][number] is None]
    return ordered


def _chunks(rids: Iterator[int], candidates: Candidates) -> Iterator[list[int]]:
    chunk: list[int] = []
    for rid in rids:
        chunk.append(rid)
        if len(chunk) == 1_024:
            yield chunk
            candidates.deadline.check()
            chunk = []
    yield chunk


def _sort_scans(candidates: Candidates, query: SearchQuery) -> Iterator[Scan]:
    key, table = query.sort[0], sort_index(query.sort)
    owners = candidates.owners(apart=True)
    if key.param is None:
        yield from dates(-TYPE_NUMBERS[query.type], 0, owners, apart=True)
        return
    parameter = parameters_of(key.param)[0]
    if table == "dat":
        for part in range(3):
            yield from dates(parameter, part, owners, apart=True)
    elif table == "str":
        yield from strings(parameter, owners)
    else:
        yield from quantities(parameter, owners)


def _extreme(key: SortKey) -> Callable[[Facts, Row], bool]:
    """Whether a row of the index is the one by which its resource is sorted."""
    assert key.param is not None  # noqa: S101
    parameters = parameters_of(key.param)
    choose = max if key.descending else min

    def is_extreme(facts: Facts, row: Row) -> bool:
        values = _values_in(facts, key, parameters)
        return bool(values) and row[:-1] == choose(values)

    return is_extreme


def _values_in(facts: Facts, key: SortKey, parameters: Sequence[int]) -> list[Row]:
    """The indexed values of a date, string, quantity or number."""
    assert key.param is not None  # noqa: S101
    keys = facts.keys
    match key.param.kind:
        case "date":
            return [(low, high) for parameter, low, high in keys.dates if parameter in parameters]
        case "string":
            return [(plain[:INDEXED_CHARACTERS],) for parameter, plain, _ in keys.strings if parameter in parameters]
        case _:
            return [(value,) for parameter, value, *_ in keys.quantities if parameter in parameters]


class _Values:
    """What matches are sorted by; what facts do not hold (ids, texts of tokens and references) is read once for all."""

    def __init__(self, connection: sqlite3.Connection, names: Names, matches: Sequence[Facts]) -> None:
        self._connection = connection
        self._names = names
        self._rids = [one.rid for one in matches]
        self._ids: dict[int, str] | None = None
        self._texts: dict[int, dict[int, list[str]]] | None = None

    def of(self, key: SortKey, facts: Facts) -> Any:
        if key.code == "_lastUpdated":
            return facts.ts
        if key.param is None:
            return self._read_ids()[facts.rid]
        parameters = parameters_of(key.param)
        choose = max if key.descending else min
        if key.param.kind in ("date", "string", "quantity", "number"):
            rows = _values_in(facts, key, parameters)
            return choose(rows)[0] if rows else None
        texts = self._read_texts()[facts.rid]
        found = [text for parameter in parameters for text in texts.get(parameter, ())]
        return choose(found) if found else None

    def _read_ids(self) -> dict[int, str]:
        if self._ids is None:
            self._ids = {rid: row[2] for rid, row in rows_of(self._connection, self._rids).items()}
        return self._ids

    def _read_texts(self) -> dict[int, dict[int, list[str]]]:
        """Codes, references and uris by parameter, from the bodies."""
        if self._texts is None:
            if len(self._rids) > MOST_READ:
                raise too_many(MOST_READ)
            self._texts = {}
            for rid, row in rows_of(self._connection, self._rids).items():
                stored = stored_of(row, self._names)
                rows = extract(stored.type, model.decode(stored.body, stored.type), stored.id)
                texts = self._texts[rid] = {}
                for parameter, _, code in rows.tokens:
                    texts.setdefault(parameter, []).append(code or "")
                for parameter, text in (*rows.references, *rows.uris):
                    texts.setdefault(parameter, []).append(text)
        return self._texts
