"""What all pages have in common: the templates, and the headers under which a page is sent."""

from functools import cache
from pathlib import Path

import jinja2
from fastapi import Response

TEMPLATES = Path(__file__).parent / "templates"
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@cache
def templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.ChainableUndefined
    )


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page made of a template; everything in ``values`` is escaped."""
    text = templates().get_template(template).render(**values)
    return Response(text, status, media_type="text/html; charset=utf-8", headers=SECURITY_HEADERS)
