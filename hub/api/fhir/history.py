"""history of an instance (https://hl7.org/fhir/R4/http.html#history): ``GET [base]/[type]/[id]/_history``."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from hub.contracts.errors import Incorrect, NotFound, Unsupported
from hub.contracts.store import Stored
from hub.fhir.bundle import HistoryEntry
from hub.fhir.bundle import history as history_bundle

from .exchange import Request, Response
from .rooms import Rooms

DEFAULT_COUNT = 50
LARGEST_COUNT = 1000
_BEFORE = "_before"
"""The parameter of ``next`` links: only versions older than this one."""


async def history(rooms: Rooms, request: Request, resource_type: str, resource_id: str) -> Response:
    """All versions, newest first, deletions too. Parameters: ``_count``, ``_since``."""
    scope = rooms.scope(request, resource_type)
    count, since, before = _parameters(request)
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None and virtual.owns(resource_id):
        raise NotFound(
            f"This {resource_type} is computed by the hub and has no history.",
            remedy="See the histories of the records it is made of.",
            issue_code="not-supported",
        )
    versions = list(rooms.store.history(resource_type, resource_id, scope, count=count + 1, before_version=before))
    if not versions and before is None:
        raise NotFound("There is no such resource.", remedy="Check the id.")
    older = len(versions) > count
    shown = [stored for stored in versions[:count] if since is None or _at(stored) >= since]
    touched = sorted({stored.patient for stored in shown if stored.patient})
    if touched:
        rooms.audit.note(rooms.caller(request), "history-instance", resource_type, touched)
    url = f"{request.base}/{resource_type}/{resource_id}/_history"
    links = [("self", f"{url}?{urlencode(request.pairs)}" if request.pairs else url)]
    if older and len(shown) == count:
        kept = [pair for pair in request.pairs if pair[0] != _BEFORE]
        links.append(("next", f"{url}?{urlencode([*kept, (_BEFORE, str(shown[-1].version))])}"))
    total = versions[0].version if before is None and since is None and versions else None
    return Response(200, history_bundle([_entry(stored, request.base) for stored in shown], links=links, total=total))


def _entry(stored: Stored, base: str) -> HistoryEntry:
    made_new = stored.method == "POST" or stored.version == 1
    return HistoryEntry(
        f"{base}/{stored.reference}",
        b"" if stored.deleted else stored.body,
        stored.method,
        stored.type if stored.method == "POST" else stored.reference,
        "204 No Content" if stored.deleted else "201 Created" if made_new else "200 OK",
        stored.last_updated,
        f'W/"{stored.version}"',
    )


def _at(stored: Stored) -> datetime:
    return datetime.fromisoformat(stored.last_updated)


def _parameters(request: Request) -> tuple[int, datetime | None, int | None]:
    count, since, before = DEFAULT_COUNT, None, None
    for name, value in request.pairs:
        match name:
            case "_count" if _number(value) is not None:
                count = max(1, min(_number(value) or 1, LARGEST_COUNT))
            case "_before" if _number(value) is not None:
                before = _number(value)
            case "_since" if (since := _instant(value)) is not None:
                pass
            case "_count" | "_before" | "_since":
                raise Incorrect(
                    f"The value of {name} cannot be read.",
                    where=name,
                    remedy="_count is a whole number, _since an instant with time zone.",
                    issue_code="value",
                    http_status=400,
                )
            case "_at" | "_list":
                raise Unsupported(
                    f"{name} is not supported in a history.",
                    where=name,
                    remedy="Use _count and _since.",
                    http_status=400,
                )
            case _:
                raise Incorrect(
                    f"The parameter {name[:64]!r} is not known to this interaction.",
                    remedy="Use _count and _since.",
                    issue_code="not-supported",
                    http_status=400,
                )
    return count, since, before


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None


def _instant(value: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
