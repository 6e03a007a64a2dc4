"""Reading a cookie (RFC 6265 4.2): every field, and nothing longer than it can be."""

from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie


def cookie_of(fields: Sequence[str], name: str, *, longest: int) -> str | None:
    """The value in Cookie header fields; None where there is none, or it cannot be ours."""
    for text in fields:
        try:
            morsel = SimpleCookie(text).get(name)
        except CookieError:
            continue
        if morsel is not None and 0 < len(morsel.value) <= longest:
            return str(morsel.value)
    return None
