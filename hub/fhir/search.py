"""The search grammar (R4 search.html): a query string into a ``SearchQuery``.

Nothing is ignored in silence. A parameter that R4 does not define is refused with 400 (or, with lenient handling,
listed in ``ignored``); what R4 defines and this hub does not answer is refused by name.
"""

from collections.abc import Sequence

from hub.contracts.errors import Incorrect, Unsupported
from hub.fhir import fulltext, people, search_params, search_results, search_values
from hub.fhir.search_params import SearchParam
from hub.fhir.search_query import (
    Criterion,
    DateValue,
    FullText,
    Has,
    Include,
    Modifier,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    SearchQuery,
    SortKey,
    StringValue,
    TokenValue,
    Total,
    UriValue,
    Value,
)
from hub.fhir.structures import resource_types

__all__ = [
    "Criterion",
    "DateValue",
    "FullText",
    "Has",
    "Include",
    "Modifier",
    "NumberValue",
    "Prefix",
    "QuantityValue",
    "ReferenceValue",
    "SearchQuery",
    "SortKey",
    "StringValue",
    "TokenValue",
    "Total",
    "UriValue",
    "Value",
    "parse",
]

_MODIFIERS: dict[str, frozenset[str]] = {
    "token": frozenset({"not"}),
    "string": frozenset({"exact"}),
    "reference": frozenset(),
    "date": frozenset(),
    "number": frozenset(),
    "quantity": frozenset(),
    "uri": frozenset(),
}
_R4_MODIFIERS = frozenset(
    ["above", "below", "contains", "exact", "identifier", "in", "missing", "not", "not-in", "of-type", "text"]
)
_NOT_ANSWERED = frozenset(["_contained", "_containedType", "_elements", "_filter", "_list", "_type"])


def parse(resource_type: str, pairs: Sequence[tuple[str, str]], *, lenient: bool = False) -> SearchQuery:
    """Read the decoded name-value pairs of a search on ``resource_type``, in the order given.

    Raises Incorrect (400) for an unknown parameter (not-supported; unless ``lenient``) and for a value that cannot be
    read (value), and Unsupported (400) for what R4 defines and this hub does not answer."""
    criteria: list[Criterion] = []
    ids: frozenset[str] | None = None
    last_updated: list[tuple[DateValue, ...]] = []
    has: list[Has] = []
    texts: list[FullText] = []
    named = [value for name, value in pairs if name == "_query"]
    find: list[tuple[str, ...]] = []
    results = search_results.ResultParameters(resource_type)
    ignored: list[str] = []
    understood: list[tuple[str, str]] = []
    for name, value in pairs:
        code, _, modifier = name.partition(":")
        try:
            if results.take(name, value):
                pass
            elif name == "_id":
                wanted = frozenset(search_values.unescape(part) for part in search_values.alternatives(name, value))
                ids = wanted if ids is None else ids & wanted
            elif name == "_lastUpdated":
                parts = search_values.alternatives(name, value)
                last_updated.append(tuple(search_values.date(name, part) for part in parts))
            elif name == "_query":
                if value != "people" or resource_type != "Patient":
                    raise search_values.unsupported(name, "this query")
            elif name == "find" and named:
                find += _people(value)
            elif name in {"_content", "_text"}:
                texts.append(_full_text(name, value))
            elif code == "_has":
                has.append(_has(resource_type, name, value))
            elif code in _NOT_ANSWERED or (modifier and code in {"_id", "_lastUpdated", "_content", "_text"}):
                raise search_values.unsupported(name, "it")
            else:
                criteria.append(_criterion(resource_type, name, value))
        except _Unknown as unknown:
            if not lenient:
                raise unknown.refusal from None
            ignored.append(name)
            continue
        understood.append((name, value))
    if named and not find:
        raise search_values.bad_value("find", "is missing")
    return results.query(
        criteria=tuple(criteria),
        ids=ids,
        last_updated=tuple(last_updated),
        has=tuple(has),
        texts=tuple(texts),
        people=tuple(find),
        ignored=tuple(ignored),
        pairs=tuple(understood),
    )


class _Unknown(Exception):
    def __init__(self, resource_type: str, name: str) -> None:
        super().__init__(name)
        self.refusal = Incorrect(
            f"{resource_type} has no search parameter {name[:80]}.",
            where=name[:80],
            remedy="Use one that the capability statement lists, or send Prefer: handling=lenient.",
            issue_code="not-supported",
            http_status=400,
        )


def _criterion(resource_type: str, name: str, value: str, chain: str = "") -> Criterion:
    """``name`` of ``resource_type``; ``chain`` is the whole name as sent where this is its second link."""
    sent = chain or name
    head, dot, chained = name.partition(".")
    code, _, modifier = head.partition(":")
    param = search_params.find(resource_type, code)
    if param is None:
        reason = search_params.unsupported(resource_type).get(code)
        if reason:
            raise search_values.unsupported(sent, f"it ({reason})")
        raise _Unknown(resource_type, sent)
    if chain and (dot or code in search_params.NOT_INDEXED):
        raise search_values.unsupported(sent, "such a chain")
    if dot:
        return _chain(param, name, modifier, chained, value)
    if modifier == "missing":
        if value not in {"true", "false"}:
            raise search_values.bad_value(sent, "must be true or false")
        return Criterion(param, missing=value == "true")
    if param.kind == "reference" and modifier in resource_types():
        return Criterion(param, search_values.read_values(param, sent, value, _target(param, sent, modifier)))
    if modifier and modifier not in _MODIFIERS[param.kind]:
        raise _modifier_refused(sent, modifier)
    values = search_values.read_values(param, sent, value)
    return Criterion(param, values, Modifier(modifier) if modifier else None)


def _full_text(name: str, value: str) -> FullText:
    found = [fulltext.sequences(search_values.unescape(part)) for part in search_values.alternatives(name, value)]
    if not all(found):
        raise search_values.bad_value(name, "holds no word")
    return FullText(tuple(found), narrative=name == "_text")


def _people(value: str) -> tuple[tuple[str, ...], ...]:
    terms = people.terms_of(value)
    if not terms or not all(terms):
        raise search_values.bad_value(
            "find", f"holds a word that finds nobody, or fewer than {people.LEAST_DIGITS} digits"
        )
    return terms


def _has(resource_type: str, name: str, value: str) -> Has:
    """R4 search.html#has; one step."""
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in resource_types() or not parts[3]:
        raise search_values.bad_value("_has", "is not written _has:Type:reference:parameter")
    param = search_params.find(parts[1], parts[2])
    if param is None or param.kind != "reference" or resource_type not in param.targets:
        raise search_values.bad_value("_has", "names no reference parameter that leads to the type that is searched")
    if parts[3].startswith("_has"):
        raise search_values.unsupported("_has", "a _has inside it")
    if parts[3] == "_id":
        raise search_values.unsupported("_has", "_id inside it")
    return Has(param, _criterion(parts[1], parts[3], value, chain="" if "." in parts[3] else name))


def _target(param: SearchParam, name: str, resource_type: str) -> str:
    if resource_type not in param.targets:
        raise search_values.bad_value(name, "asks for a type that the parameter does not lead to")
    return resource_type


def _modifier_refused(name: str, modifier: str) -> Incorrect | Unsupported:
    if modifier in _R4_MODIFIERS:
        return search_values.unsupported(name, f"modifier :{modifier}")
    return Incorrect(
        f"Search parameter {name.partition(':')[0]} has a modifier that R4 does not define.",
        where=name.partition(":")[0],
        remedy="Leave the modifier out.",
        issue_code="not-supported",
        http_status=400,
    )


def _chain(param: SearchParam, name: str, modifier: str, chained: str, value: str) -> Criterion:
    if param.kind != "reference":
        raise search_values.bad_value(name, "cannot be chained: the parameter is no reference")
    targets = [_target(param, name, modifier)] if modifier else sorted(param.targets)
    if chained == "_id":
        ids = search_values.alternatives(name, value)
        return Criterion(param, tuple(ReferenceValue(f"{target}/{id}", target, id) for target in targets for id in ids))
    links: list[Criterion] = []
    unknown: Exception = _Unknown(param.type, name)
    unreadable: Exception | None = None
    for target in targets:
        try:
            links.append(_criterion(target, chained, value, chain=name))
        except _Unknown as refusal:
            unknown = refusal
        except Incorrect as refusal:
            unreadable = refusal
    if not links:
        raise unreadable or unknown
    return Criterion(param, chain=tuple(links))
