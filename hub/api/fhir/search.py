"""search (https://hl7.org/fhir/R4/http.html#search): ``GET [base]/[type]?…`` and ``POST [base]/[type]/_search``."""

from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote_plus

from hub.contracts.caller import Caller, Scope
from hub.contracts.errors import Forbidden, Incorrect
from hub.contracts.store import Page
from hub.fhir.bundle import searchset
from hub.fhir.outcome import Issue, operation_outcome
from hub.fhir.search import Criterion, SearchQuery, parse

from .exchange import Pairs, Request, Response
from .rooms import Rooms
from .whole_person import reach_whole_person

CURSOR = "_cursor"
"""The parameter of ``next`` links: where the page before ended. Opaque; good with the same other parameters alone."""


async def search(rooms: Rooms, request: Request, resource_type: str, *, form: bool) -> Response:
    """A searchset Bundle. Parameters in the URL and in the form count alike."""
    caller = rooms.caller(request)
    scope = rooms.scope(request, resource_type)
    pairs = request.pairs
    if form:
        pairs = pairs + await request.form_body()
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None:
        computed = virtual.search(pairs, caller, request.base)
        if computed is not None:
            return Response(200, computed)
    cursor, asked = _cursor(pairs)
    query = parse(resource_type, asked, lenient=request.preferences.lenient)
    seen = _only_visible_chains(query, scope, caller)
    seen = reach_whole_person(seen, request.base, rooms.persons, rooms.store, scope)
    page = rooms.store.search(seen, scope, after=cursor)
    touched = {match.patient for match in (*page.matches, *page.included) if match.patient}
    if touched:
        rooms.audit.note(caller, "search-type", resource_type, sorted(touched))
    return Response(200, _bundle(query, page, request.base, cursor))


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


def _bundle(query: SearchQuery, page: Page, base: str, cursor: str | None) -> bytes:
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
        outcome=_ignored(query.ignored) if query.ignored else b"",
    )


def _url(base: str, resource_type: str, pairs: Pairs) -> str:
    asked = "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in pairs])
    return f"{base}/{resource_type}?{asked}" if asked else f"{base}/{resource_type}"


_quoted = lru_cache(maxsize=4096)(quote_plus)


def _ignored(names: tuple[str, ...]) -> bytes:
    return operation_outcome(
        [
            Issue("warning", "not-supported", f"The parameter {name[:64]} is not known and was left out.", name[:64])
            for name in names
        ]
    )
