"""What ``Reference.reference`` may say (R4 references.html#literal), and which types an element lets it name.

``Type/id`` with or without ``/_history/version``, ``Type?query`` (conditional, inside a transaction), ``#id`` of a
contained resource, or an absolute URI, whose type is not checked.
"""

from functools import cache

from hub.fhir.structures import resource_types

_ID = r"[A-Za-z0-9\-.]{1,64}"

ALLOWED: dict[str, tuple[str, ...]] = {}
"""Target types by pattern, for the message of a refusal."""


@cache
def reference_pattern(targets: tuple[str, ...]) -> str:
    """The pattern of a Reference to one of ``targets`` (none: any resource type)."""
    types = "|".join(targets or sorted(resource_types(), reverse=True))
    pattern = rf"^(?:(?:{types})(?:/{_ID}(?:/_history/{_ID})?|\?\S+)|#\S*|[A-Za-z][A-Za-z0-9+\-.]*:\S+)\Z"
    ALLOWED[pattern] = targets
    return pattern
