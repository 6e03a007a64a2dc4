"""A parsed search as a query of Elasticsearch. Pure; what chains and ``_has`` lead to is handed in.

Each value means what ``hub.fhir.search_query`` says of it: a range of dates, say, *is within* what was asked (``eq``),
or *reaches* beyond it (``gt``), which are the relations of range fields.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.contracts.caller import Scope
from hub.fhir.search import (
    Criterion,
    DateValue,
    FullText,
    Modifier,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    SearchQuery,
    SortKey,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from hub.fhir.search_params import SearchParam, primary_date

from . import keys

Json = dict[str, Any]
NOTHING: Json = {"match_none": {}}
Chains = Mapping[Criterion, Sequence[str]]
"""``Type/id`` of the resources that meet a chain."""


def query_of(query: SearchQuery, scope: Scope, chains: Chains, ids: Sequence[str] | None) -> Json:
    """``ids``: of the resources that ``_has`` leads to; None where it was not asked."""
    filters: list[Json] = [{"term": {"type": query.type}}]
    if scope.owners is not None:
        filters.append({"terms": {"readers": sorted(_readers(scope))}})
    filters += [_criterion(one, chains) for one in query.criteria]
    filters += [_any([_updated(value) for value in values]) for values in query.last_updated]
    filters += [_text(one) for one in query.texts]
    filters += [_any([{"prefix": {"people": {"value": one}}} for one in term]) for term in query.people]
    for wanted in (query.ids, ids):
        if wanted is not None:
            filters.append({"terms": {"id": sorted(wanted)}})
    return {"bool": {"filter": filters}}


def sort_of(query: SearchQuery) -> list[Json]:
    """Ties go by age, in the direction of the first key; without an order, newest first by the type's primary date.
    A parameter that stands for several (``combo-code``) has no order here."""
    sort = query.sort
    if not sort:
        return [_order("occurred", descending=True), {"rid": "desc"}]
    found = [_sort_key(query, key) for key in sort]
    return [*found, {"rid": "desc" if sort[0].descending else "asc"}]


def parameters_of(param: SearchParam) -> tuple[int, ...]:
    """Where the values of a parameter stand."""
    return param.union_of or (param.stored_as,)


def _readers(scope: Scope) -> set[str]:
    found = {f"o:{owner}" for owner in scope.owners or ()}
    return found | {f"c:{scope.sender}"} if scope.sender is not None else found


def _sort_key(query: SearchQuery, key: SortKey) -> Json:
    if key.param is None:
        return _order("updated" if key.code == "_lastUpdated" else "id", descending=key.descending)
    primary = primary_date(query.type)
    if len(query.sort) == 1 and key.descending and primary is not None and key.param.stored_as == primary.stored_as:
        return _order("occurred", descending=True)
    return _order(keys.sort_name(key.param.stored_as), descending=key.descending)


def _order(field: str, *, descending: bool) -> Json:
    more = {} if field.startswith("sort.") or field == "id" else {"unmapped_type": "long"}
    return {field: {"order": "desc" if descending else "asc", "missing": "_last", **more}}


def _criterion(criterion: Criterion, chains: Chains) -> Json:
    param = criterion.param
    parameters = parameters_of(param)
    if criterion.missing is not None:
        present = _present(param, parameters)
        return {"bool": {"must_not": [present]}} if criterion.missing else present
    if criterion.chain:
        targets = chains[criterion]
        return {"terms": {"reference": [keys.reference_key(p, one) for p in parameters for one in targets]}}
    found = [atom for value in criterion.values for p in parameters for atom in _value(param, p, value, criterion)]
    wanted = _any(found)
    return {"bool": {"must_not": [wanted]}} if criterion.modifier is Modifier.NOT else wanted


def _present(param: SearchParam, parameters: Sequence[int]) -> Json:
    types = param.target_restriction
    if types is None:
        return {"terms": {"present": [str(p) for p in parameters]}}
    wanted = [keys.reference_type_key(p, name) for p in parameters for name in sorted(types)]
    return {"terms": {"reference": wanted}}


def _any(atoms: Sequence[Json]) -> Json:
    if not atoms:
        return NOTHING
    if len(atoms) == 1:
        return atoms[0]
    terms: dict[str, list[str]] = {}
    rest: list[Json] = []
    for atom in atoms:
        if "term" in atom:
            ((field, value),) = atom["term"].items()
            terms.setdefault(field, []).append(value)
        else:
            rest.append(atom)
    rest += [{"terms": {field: values}} for field, values in terms.items()]
    return rest[0] if len(rest) == 1 else {"bool": {"should": rest}}


def _value(param: SearchParam, p: int, value: Value, criterion: Criterion) -> list[Json]:
    match value:
        case TokenValue():
            return [_token(p, value)]
        case UriValue():
            return [{"term": {"token": keys.coding_key(p, "", value.uri)}}]
        case ReferenceValue():
            return [{"term": {"reference": keys.reference_key(p, one)}} for one in _targets(param, value)]
        case StringValue():
            if criterion.modifier is Modifier.EXACT:
                return [{"term": {"string": keys.exact_key(p, value.exact)}}]
            return [{"prefix": {"string": {"value": keys.prefix_key(p, value.normalised)}}}]
        case DateValue():
            return _date(p, value)
        case NumberValue():
            ranges = keys.amount_ranges(p, keys.ANY_UNIT, value.prefix, value.value, value.low, value.high)
        case QuantityValue():
            unit = keys.asked_unit(value.system, value.code)
            ranges = keys.amount_ranges(p, unit, value.prefix, value.value, value.low, value.high)
    return [{"range": {"quantity": one}} for one in ranges]


def _token(p: int, value: TokenValue) -> Json:
    if value.code is None:
        key = keys.system_key(p, value.system or "")
    elif value.system is None:
        key = keys.code_key(p, value.code)
    else:
        key = keys.coding_key(p, value.system, value.code)
    return {"term": {"token": key}}


def _targets(param: SearchParam, value: ReferenceValue) -> list[str]:
    types = param.target_restriction
    if value.type is None and value.id is not None:
        return [f"{name}/{value.id}" for name in sorted(param.targets) if types is None or name in types]
    if types is not None and value.type is not None and value.type not in types:
        return []
    return [value.target]


def _date(p: int, value: DateValue) -> list[Json]:
    low, high = keys.milliseconds(value.low_us), keys.milliseconds(value.high_us)
    first, last = keys.LOW, keys.HIGH

    def stretch(relation: str, start: int, end: int) -> list[Json]:
        if start > end:
            return []
        bounds = {"gte": keys.instant(p, start), "lte": keys.instant(p, end)}
        return [{"range": {"date": {**bounds, "relation": relation}}}]

    before, within = stretch("intersects", first, low - 1), stretch("within", low, high)
    beyond = stretch("intersects", high + 1, last)
    match value.prefix:
        case Prefix.EQ:
            return within
        case Prefix.NE:
            return [*before, *beyond]
        case Prefix.GT:
            return beyond
        case Prefix.LT:
            return before
        case Prefix.GE:
            return [*beyond, *within]
        case Prefix.LE:
            return [*before, *within]
        case Prefix.SA:
            return stretch("within", high + 1, last)
        case Prefix.EB:
            return stretch("within", first, low - 1)


def _updated(value: DateValue) -> Json:
    low, high = keys.milliseconds(value.low_us), keys.milliseconds(value.high_us)
    match value.prefix:
        case Prefix.EQ:
            bounds = {"gte": low, "lte": high}
        case Prefix.NE:
            return {"bool": {"must_not": [{"range": {"updated": {"gte": low, "lte": high}}}]}}
        case Prefix.GT | Prefix.SA:
            bounds = {"gt": high}
        case Prefix.LT | Prefix.EB:
            bounds = {"lt": low}
        case Prefix.GE:
            bounds = {"gte": low}
        case Prefix.LE:
            bounds = {"lte": high}
    return {"range": {"updated": bounds}}


def _text(text: FullText) -> Json:
    field = "narrative" if text.narrative else "content"
    alternatives = [
        {"bool": {"filter": [{"match_phrase": {field: sequence}} for sequence in one]}} for one in text.alternatives
    ]
    return _any(alternatives)
