"""Conditions of conditional creates, updates, deletes and references (R4 http.html#cond-update, #ccreate, #trules)."""

import re
from functools import cache
from urllib.parse import parse_qsl, unquote_plus

from hub.contracts.errors import Incorrect, Precondition
from hub.fhir import search_params
from hub.fhir.search import SearchQuery, TokenValue, parse
from hub.fhir.search_values import token

from .facts import system_hash, text_hash
from .prepared import Condition, Need

_IDENTIFIER = re.compile(r"identifier=([^&,\\$]+)\Z")
CONDITIONAL_REFERENCE = re.compile(rb'"reference":"([A-Z][A-Za-z]+)\?([^"\\]+)"')


def read_condition(need: Need) -> Condition:
    """Raises Incorrect (400) for an unknown or missing parameter."""
    simple = _IDENTIFIER.match(need.condition)
    parameter = _identifier(need.type)
    if simple is not None and parameter is not None:
        text = simple[1]
        wanted = token(unquote_plus(text) if "%" in text or "+" in text else text)
        if key := _token_key(parameter, wanted):
            return Condition(need, key, None)
    query = parse(need.type, parse_qsl(need.condition, keep_blank_values=True), lenient=False)
    if not query.criteria and query.ids is None:
        raise Incorrect(
            "The condition names no search parameter.",
            where=need.type,
            remedy="Give one that finds at most one resource, such as identifier=SYSTEM|VALUE.",
            http_status=400,
        )
    return Condition(need, _only_token(query), query)


@cache
def _identifier(resource_type: str) -> int | None:
    parameter = search_params.find(resource_type, "identifier")
    return parameter.id if parameter is not None and parameter.stored else None


def _only_token(query: SearchQuery) -> tuple[int, int, int | None] | None:
    if len(query.criteria) != 1 or query.ids is not None or query.last_updated:
        return None
    criterion = query.criteria[0]
    if criterion.modifier is not None or criterion.missing is not None or criterion.chain or len(criterion.values) != 1:
        return None
    value = criterion.values[0]
    if not isinstance(value, TokenValue) or criterion.param.union_of:
        return None
    return _token_key(criterion.param.stored_as, value)


def _token_key(parameter: int, value: TokenValue) -> tuple[int, int, int | None] | None:
    if not value.code:
        return None
    return parameter, text_hash(value.code), None if value.system is None else system_hash(value.system)


def several(what: str, where: str) -> Precondition:
    """HTTP 412."""
    return Precondition(
        f"{what} matches several resources.",
        where=where,
        remedy="Use a condition that finds at most one, such as identifier=SYSTEM|VALUE.",
        issue_code="multiple-matches",
    )
