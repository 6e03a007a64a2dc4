"""search (https://hl7.org/fhir/R4/http.html#search): ``GET [base]/[type]?…`` and ``POST [base]/[type]/_search``."""

from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote_plus

import msgspec

from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.codes import BASE
from hub.contracts.errors import Forbidden, Incorrect
from hub.contracts.search import Answer
from hub.contracts.store import Page
from hub.fhir.bundle import Tag, searchset
from hub.fhir.fulltext import excerpt
from hub.fhir.outcome import Issue, operation_outcome
from hub.fhir.search import Criterion, SearchQuery, parse

from .exchange import Pairs, Request, Response
from .parameters import parameters_bytes
from .rooms import Rooms
from .whole_person import reach_whole_person

BEHIND = Tag(f"{BASE}/CodeSystem/search", "behind")
"""``meta.tag`` of a searchset from an index that had not seen every change yet."""
EXPLAIN = "_explain"
CURSOR = "_cursor"
"""The parameter of ``next`` links: where the page before ended. Opaque; good with the same other parameters alone."""


async def search(rooms: Rooms, request: Request, resource_type: str, *, form: bool) -> Response:
    """A searchset Bundle. Parameters in the URL and in the form count alike."""
    caller = rooms.caller(request)
    pairs = request.pairs
    if form:
        rooms.scope(request, resource_type)
        pairs = pairs + await request.form_body()
    if any(name == EXPLAIN for name, _ in pairs):
        return await _explain(rooms, caller, resource_type, pairs)
    scope = rooms.scope(request, resource_type)
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None:
        computed = virtual.search(pairs, caller, request.base)
        if computed is not None:
            return Response(200, computed)
    cursor, asked = _cursor(pairs)
    query = parse(resource_type, asked, lenient=request.preferences.lenient)
    strict = _strict(request)
    seen = _only_visible_chains(query, scope, caller)
    seen = reach_whole_person(seen, request.base, rooms.persons, rooms.store, scope)
    answer = await rooms.search(seen, scope, after=cursor, strict=strict)
    page = answer.page
    touched = {match.patient for match in (*page.matches, *page.included) if match.patient}
    if touched:
        rooms.audit.note(caller, "search-type", resource_type, sorted(touched))
    return Response(200, _bundle(query, answer, request.base, cursor))


async def _explain(rooms: Rooms, caller: Caller, resource_type: str, pairs: Pairs) -> Response:
    """Which engine would answer, why, and what it would be asked: for an admin, to whom it shows no record."""
    if caller.role is not Role.ADMIN:
        raise Forbidden(
            f"A client of role {caller.role} may not have a search explained.",
            where=EXPLAIN,
            remedy="Leave the parameter out.",
        )
    if [value for name, value in pairs if name == EXPLAIN] != ["true"]:
        raise Incorrect("_explain is not true.", where=EXPLAIN, remedy="Send _explain=true.", http_status=400)
    query = parse(resource_type, [pair for pair in pairs if pair[0] not in (EXPLAIN, CURSOR)])
    told = await rooms.explain(query)
    parts = [{"name": name, "valueString": _as_text(value)} for name, value in told.items()]
    return Response(200, parameters_bytes(parts))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _strict(request: Request) -> bool:
    """``X-Consistency: strict`` asks for an answer that holds every write acknowledged before."""
    stated = request.header(b"x-consistency")
    if stated is not None and stated.lower() not in ("strict", "eventual"):
        raise Incorrect(
            "X-Consistency is neither strict nor eventual.",
            where="X-Consistency",
            remedy="Send strict to wait for the search index, or leave the header out.",
            http_status=400,
        )
    return stated is not None and stated.lower() == "strict"


def _cursor(pairs: Pairs) -> tuple[str | None, Pairs]:
    cursors = [value for name, value in pairs if name == CURSOR]
    if len(cursors) > 1:
        raise Incorrect("There are several cursors.", where=CURSOR, remedy="Follow one next link.", http_status=400)
    return (cursors[0] if cursors else None), [pair for pair in pairs if pair[0] != CURSOR]


def _only_visible_chains(query: SearchQuery, scope: Scope, caller: Caller) -> SearchQuery:
    """A chain or a _has may not ask about resources of a type that the caller may not read."""
    criteria: list[Criterion] = []
    for criterion in query.criteria:
        if criterion.chain:
            visible = tuple(link for link in criterion.chain if scope.sees_type(link.param.type))
            if not visible:
                raise Forbidden(
                    f"A client of role {caller.role} may not search by this chain.",
                    where=criterion.param.code,
                    remedy="Search by parameters of the type itself.",
                )
            if len(visible) < len(criterion.chain):
                criteria.append(replace(criterion, chain=visible))
                continue
        criteria.append(criterion)
    if not all(scope.sees_type(has.param.type) for has in query.has):
        raise Forbidden(
            f"A client of role {caller.role} may not search by this _has.",
            where="_has",
            remedy="Search by parameters of the type itself.",
        )
    return query if tuple(criteria) == query.criteria else replace(query, criteria=tuple(criteria))


def _bundle(query: SearchQuery, answer: Answer, base: str, cursor: str | None) -> bytes:
    page = answer.page
    asked = list(query.pairs)
    links = [("self", _url(base, query.type, [*asked, (CURSOR, cursor)] if cursor else asked))]
    if page.next is not None:
        links.append(("next", _url(base, query.type, [*asked, (CURSOR, page.next)])))
    total = page.total
    if total is None and cursor is None and page.next is None:
        total = len(page.matches)  # all there is stands here: the total costs nothing
    return searchset(
        base,
        [(match.reference, match.body) for match in page.matches],
        [(more.reference, more.body) for more in page.included],
        links=links,
        total=total,
        outcome=_outcome(query.ignored, answer.notes) if query.ignored or answer.notes else b"",
        excerpts=_excerpts(query, page),
        tag=BEHIND if answer.behind else None,
    )


def _url(base: str, resource_type: str, pairs: Pairs) -> str:
    asked = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs])
    return f"{base}/{resource_type}?{asked}" if asked else f"{base}/{resource_type}"


_quoted = lru_cache(maxsize=4096)(quote_plus)


def _outcome(ignored: tuple[str, ...], notes: tuple[str, ...]) -> bytes:
    unknown = [
        Issue("warning", "not-supported", f"The parameter {name[:64]} is not known and was left out.", name[:64])
        for name in ignored
    ]
    return operation_outcome([*unknown, *(Issue("warning", "incomplete", note) for note in notes)])


def _excerpts(query: SearchQuery, page: Page) -> dict[str, str]:
    """Where the text that was searched for stands in each match."""
    sequences = [sequence for text in query.texts for one in text.alternatives for sequence in one]
    return {match.reference: excerpt(match.body, sequences) for match in page.matches} if sequences else {}
