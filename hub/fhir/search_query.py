"""A search as values (R4 search.html): what ``hub.fhir.search.parse`` makes of a query string and stores compile."""

from dataclasses import dataclass
from enum import StrEnum

from hub.fhir.search_params import SearchParam


class Prefix(StrEnum):
    """Comparison of ordered values (R4 search.html#prefix); ``ap`` is refused."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    LT = "lt"
    GE = "ge"
    LE = "le"
    SA = "sa"
    EB = "eb"


class Modifier(StrEnum):
    """Modifiers that are answered (R4 search.html#modifiers); ``:missing`` is ``Criterion.missing`` and ``:[type]`` is
    in the reference value."""

    EXACT = "exact"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class TokenValue:
    """``system`` None: any system or none; "": must have none. ``code`` None: any code of the system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """``target`` as it stands in index rows: ``Type/id``, or an absolute URL. Where the type is not stated and the
    parameter allows several, ``type`` is None, ``id`` is set and ``target`` is the bare id."""

    target: str
    type: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class DateValue:
    """``low_us`` to ``high_us``, inclusive: what the written date may mean. A row [l, h] matches, by prefix:

    eq: low ≤ l and h ≤ high · ne: not eq · gt: h > high · lt: l < low · ge: gt or eq · le: lt or eq · sa: l > high ·
    eb: h < low.
    """

    prefix: Prefix
    low_us: int
    high_us: int


@dataclass(frozen=True, slots=True)
class StringValue:
    """``normalised`` is compared with the beginning of normalised rows; ``exact`` with whole rows for ``:exact``."""

    normalised: str
    exact: str


@dataclass(frozen=True, slots=True)
class NumberValue:
    """eq: low ≤ value < high, the range that the written digits stand for; other prefixes compare with ``value``."""

    prefix: Prefix
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """As ``NumberValue``. ``code`` None: any unit. ``system`` None: ``code`` may be the code or the unit's text."""

    prefix: Prefix
    value: float
    low: float
    high: float
    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class UriValue:
    uri: str


Value = TokenValue | ReferenceValue | DateValue | StringValue | NumberValue | QuantityValue | UriValue


@dataclass(frozen=True, slots=True)
class Criterion:
    """One ``name=value,value`` of the query: matches where any of ``values`` does. Criteria of a query all must match.

    ``missing`` set: no values; the resource must (True) or must not (False) be without index rows of ``param``.
    ``chain`` set: no values; the resource must refer, through ``param``, to one that meets one of the chained criteria,
    whose ``param.type`` is the type referred to. A ``canonical`` reference parameter has ``UriValue``s.
    """

    param: SearchParam
    values: tuple[Value, ...] = ()
    modifier: Modifier | None = None
    missing: bool | None = None
    chain: tuple["Criterion", ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """``_has:Type:param:…``: some resource of ``param.type`` that meets ``criterion`` refers here through ``param``."""

    param: SearchParam
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class FullText:
    """``_content`` (or ``_text``, where ``narrative``): one of ``alternatives`` must be found, each of whose word
    sequences must be (see ``hub.fhir.fulltext``)."""

    alternatives: tuple[tuple[str, ...], ...]
    narrative: bool = False


@dataclass(frozen=True, slots=True)
class Include:
    """``_include`` (``param.type`` is the type searched) or ``_revinclude`` (``param.type`` is the type to add)."""

    param: SearchParam
    target_type: str | None = None


class Total(StrEnum):
    NONE = "none"
    ACCURATE = "accurate"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class SortKey:
    """``param`` is None for ``_id`` and ``_lastUpdated``, whose name is ``code``."""

    code: str
    descending: bool
    param: SearchParam | None


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """``ids``: the resource's id must be one of these (None: any). ``last_updated``: one of each group must match.
    ``has`` and ``texts`` all must match too.
    ``count``: resources per page; 0 together with ``summary_count`` asks for the number alone. ``ignored``: names of
    parameters left out under lenient handling. ``pairs``: what was understood, for the self link."""

    type: str
    criteria: tuple[Criterion, ...] = ()
    ids: frozenset[str] | None = None
    last_updated: tuple[tuple[DateValue, ...], ...] = ()
    has: tuple[Has, ...] = ()
    texts: tuple[FullText, ...] = ()
    people: tuple[tuple[str, ...], ...] = ()
    """For each word, beginnings of keys (see ``hub.fhir.people``), one of which a Patient must have."""
    sort: tuple[SortKey, ...] = ()
    count: int = 50
    summary_count: bool = False
    total: Total = Total.NONE
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    ignored: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
