"""The criteria of a parsed query as clauses on facts."""

from collections.abc import Callable
from functools import cache

from hub.contracts.errors import Fault
from hub.fhir.search import (
    Criterion,
    DateValue,
    Modifier,
    NumberValue,
    QuantityValue,
    ReferenceValue,
    SearchQuery,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from hub.fhir.search_params import SearchParam, compartment_params, of_type
from hub.fhir.structures import elements

from .atoms import Atom, Clause, DateAtom, Presence, QuantityAtom, ReferenceAtom, StringAtom, TokenAtom
from .facts import milliseconds, system_hash, text_hash
from .names import Names, key_of
from .schema import TYPE_NUMBERS

Chain = Callable[[Criterion], list[tuple[int, int]]]
"""(type number, rid) of the resources that meet the chained criteria."""


def clauses_of(query: SearchQuery, names: Names, chain: Chain) -> list[Clause | Presence]:
    """One for each criterion, in their order, then one for each ``_lastUpdated``."""
    clauses = [_clause(criterion, names, chain) for criterion in query.criteria]
    clock = -TYPE_NUMBERS[query.type]
    clauses += [_sorted([_date(clock, value) for value in dates]) for dates in query.last_updated]
    return clauses


def parameters_of(param: SearchParam) -> tuple[int, ...]:
    """Where the rows of a parameter stand."""
    return param.union_of or (param.stored_as,)


@cache
def patient_parameter(resource_type: str) -> int | None:
    """The reference parameter whose one value is the Patient that ``tok.pat`` holds; None where a resource of the type
    may name several."""
    subject = next((param.stored_as for param in compartment_params(resource_type)), None)
    for param in of_type(resource_type).values():
        if param.id == subject:
            return subject if all(_is_single(resource_type, path) for path in param.paths) else None
    return None


def _is_single(resource_type: str, path: str) -> bool:
    node = resource_type
    for name in path.split("."):
        element = next((one for one in elements(node) if one.name == name), None)
        if element is None or element.many:
            return False
        node = element.types[0].name
    return True


def _clause(criterion: Criterion, names: Names, chain: Chain) -> Clause | Presence:
    param = criterion.param
    if criterion.missing is not None:
        types = param.target_restriction
        return Presence(
            param.kind,
            frozenset(parameters_of(param)),
            criterion.missing,
            None if types is None else frozenset(TYPE_NUMBERS[name] for name in types),
        )
    if criterion.chain:
        targets = chain(criterion)
        return _sorted([ReferenceAtom(p, rid, kind) for p in parameters_of(param) for kind, rid in targets])
    atoms: list[Atom] = []
    for value in criterion.values:
        for parameter in parameters_of(param):
            atoms += _atoms(param, parameter, value, criterion.modifier, names)
    return _sorted(atoms, negated=criterion.modifier is Modifier.NOT)


def _sorted(atoms: list[Atom], *, negated: bool = False) -> Clause:
    return Clause(tuple(sorted(dict.fromkeys(atoms), key=lambda atom: atom.key)), negated)


def _atoms(param: SearchParam, parameter: int, value: Value, modifier: Modifier | None, names: Names) -> list[Atom]:
    match value:
        case TokenValue():
            system = None if value.system is None else system_hash(value.system)
            return [TokenAtom(parameter, None if value.code is None else text_hash(value.code), system)]
        case ReferenceValue():
            return _references(param, parameter, value, names)
        case DateValue():
            return [_date(parameter, value)]
        case StringValue():
            return [StringAtom(parameter, modifier is Modifier.EXACT, value.exact, value.normalised)]
        case NumberValue():
            return [QuantityAtom(parameter, value.prefix, value.value, value.low, value.high)]
        case QuantityValue():
            system = None if value.system is None else system_hash(value.system)
            unit = None if value.code is None else text_hash(value.code)
            return [QuantityAtom(parameter, value.prefix, value.value, value.low, value.high, system, unit)]
        case UriValue():
            return [TokenAtom(parameter, text_hash(value.uri), 0)]
    raise Fault("A search value of a kind that the store does not know.")


def _date(parameter: int, value: DateValue) -> DateAtom:
    return DateAtom(parameter, value.prefix, milliseconds(value.low_us), milliseconds(value.high_us))


def _references(param: SearchParam, parameter: int, value: ReferenceValue, names: Names) -> list[Atom]:
    types = param.target_restriction
    if value.type is None and value.id is not None:
        targets = [f"{name}/{value.id}" for name in sorted(param.targets) if types is None or name in types]
    elif types is not None and value.type is not None and value.type not in types:
        targets = []
    else:
        targets = [value.target]
    keys = [key_of(target) for target in targets]
    return [ReferenceAtom(parameter, rid, key[0]) for key in keys if (rid := names.rid(key)) is not None]
