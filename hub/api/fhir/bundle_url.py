"""``Bundle.entry.request.url`` (FHIR R4 http.html 3.1.0.11): relative to the base, or absolute below it."""

from urllib.parse import unquote

from hub.contracts.errors import Incorrect


def relative_url(url: str, base: str) -> tuple[str, str]:
    """Path below the base and query string, both as written. Raises Incorrect for another server's address."""
    if url.startswith(f"{base}/"):
        url = url[len(base) + 1 :]
    elif "://" in url.partition("?")[0] or url.startswith("//"):
        raise Incorrect(
            "The URL of an entry leads to another server.",
            remedy="Write it relative to the base, like Patient/123.",
            http_status=400,
        )
    path, _, query = url.partition("?")
    return path.strip("/"), query


def target(url: str, base: str) -> tuple[str, str | None, str | None]:
    """Type, id and condition of a write: ``Patient``, ``Patient/1``, ``Patient?identifier=…``."""
    path, query = relative_url(url, base)
    parts = [unquote(part) for part in path.split("/")]
    if not parts[0] or len(parts) > 2:
        raise Incorrect(
            "The URL of an entry is not that of a write.",
            remedy="Use [type], [type]/[id] or [type]?[search parameters].",
            http_status=400,
        )
    return parts[0], parts[1] if len(parts) == 2 else None, query or None
