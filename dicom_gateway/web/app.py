"""The DICOMweb application: routes (PS3.18 tables 10.4.1-1, 10.5.1-1, 10.6.1-1), tenancy, and errors."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError, Fault, Forbidden, Unsupported
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient

from ..archive import Archive
from ..corrections.desk import CorrectionDesk
from ..events import log_fault
from ..study_index.instance_row import InstanceRow
from ..study_index.visibility import SIGHT_OF
from ..withdrawal.deletion import Deletion
from .amendments import Amendments
from .arriving import at_hand, told_metadata
from .asgi import Answer, Message, Receive, Request, Send, no_such_route, not_found, refusal, request_of
from .bulk_data import retrieve_bulk_data
from .capabilities import capabilities
from .frames import retrieve_frames
from .rendered import retrieve_rendered
from .retrieve import retrieve_instances, retrieve_metadata
from .search import checked_uid, search_level, uid_conditions
from .store import store_instances
from .thumbnail import Thumbnails
from .wado_uri import retrieve_by_uri, uri_parameters
from .worklist import WorklistView

READ, STORE = "dicom-read", "dicom-store"


class DicomWebApp:
    """Plain ASGI, mounted at ``prefix``. Whoever mounts it has put the Caller into ``scope["state"]["caller"]``."""

    def __init__(
        self,
        archive: Archive,
        gate: Gate,
        audit: ReadAudit,
        hub: HubClient,
        *,
        prefix: str = "/dicom-web",
        root: str | None = None,
    ) -> None:
        """``root`` is the URL of the prefix where the site has one of its own; None takes it from the request."""
        self._archive = archive
        self._gate = gate
        self._audit = audit
        self._prefix = prefix.rstrip("/")
        self._root = root
        deletion = Deletion(archive.index, archive.spool, archive.blobs, hub.needs_bytes)
        self._amendments = Amendments(archive, CorrectionDesk(archive.index, hub), deletion, gate, audit)
        self._thumbnails = Thumbnails(archive)
        # Pictures wait for each other, and nothing else for them. Threads are started when there is work.
        self._threads = ThreadPoolExecutor(archive.settings.pixel_workers, "dicom-pixels")
        self._worklist = WorklistView(archive.settings, hub, gate, audit)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            request = request_of(scope, receive, watched, self._prefix, self._root)
            answer = await self._serve(request)
            if answer is not None:
                await answer.give(watched)
        except ExchangeError as error:
            if begun:
                raise  # too late for an answer: the connection breaks, so that nobody takes half for the whole
            await refusal(error).give(send)
        except Exception as failure:
            log_fault("dicom-web", failure)
            if begun:
                raise
            await refusal(Fault("The gateway failed.", remedy="See the log; try again later.")).give(send)

    async def _serve(self, request: Request) -> Answer | None:
        """An Answer to give, or None where it has been streamed."""
        path = request.path
        if request.method == "POST" and path[:1] == ["studies"] and len(path) <= 2:
            self._gate.check_action(request.caller, STORE)
            return await store_instances(checked_uid(path[1]) if path[1:] else None, request, self._archive)
        if (amended := await self._amendments.serve(request)) is not None:
            return amended
        if request.method == "OPTIONS":
            return capabilities(path, request.root, request.accept)
        if request.method != "GET":
            if path[:1] not in _RESOURCES:
                raise no_such_route()
            answer = refusal(_wrong_method(request.method))
            allowed = b"GET, POST" if path == ["studies"] else b"GET, DELETE" if path[:1] == ["studies"] else b"GET"
            answer.headers.append((b"allow", allowed))
            return answer
        if path == ["worklist"]:
            return await asyncio.to_thread(self._worklist.answer, request)
        self._gate.check_action(request.caller, READ)
        scope = self._gate.scope(request.caller)
        if not scope.sees_type(SIGHT_OF):
            raise Forbidden("This role reads no images.", remedy="Use a client whose role does.")
        return await self._search(request, scope) if _is_search(path) else await self._retrieve(request, scope)

    async def _search(self, request: Request, scope: Scope) -> Answer:
        archive, audit = self._archive, self._audit
        match request.path:
            case ["studies"]:
                return await search_level("study", [], request, archive, scope, audit)
            case ["series"]:
                return await search_level("series", [], request, archive, scope, audit)
            case ["instances"]:
                return await search_level("instance", [], request, archive, scope, audit)
            case ["studies", study, "series"]:
                return await search_level("series", uid_conditions(study), request, archive, scope, audit)
            case ["studies", study, "instances"]:
                return await search_level("instance", uid_conditions(study), request, archive, scope, audit)
            case ["studies", study, "series", series, "instances"]:
                return await search_level("instance", uid_conditions(study, series), request, archive, scope, audit)
        raise no_such_route()

    async def _retrieve(self, request: Request, scope: Scope) -> Answer | None:
        if request.path == ["wado"]:
            asked = uri_parameters(request)
            (row, *_others) = await at_hand(await self._rows(asked.named, request, scope), self._archive)
            return await retrieve_by_uri(row, asked, request, self._archive, self._threads)
        named, rest = _named(request.path)
        rows = await self._rows(named, request, scope)
        match rest:
            case ["thumbnail"]:
                return await self._thumbnails.retrieve(rows, None, request, self._threads)
            case ["frames", listed, "thumbnail"] if len(named) == 3:
                return await self._thumbnails.retrieve(rows, listed, request, self._threads)
        if rest == ["metadata"]:
            return await self._metadata(rows, request)
        rows = await at_hand(rows, self._archive)
        match rest:
            case []:
                await retrieve_instances(rows, request, self._archive, self._threads)
            case ["frames", listed] if len(named) == 3:
                await retrieve_frames(_only(rows), listed, request, self._archive, self._threads)
            case ["bulkdata", *steps] if len(named) == 3:
                await retrieve_bulk_data(_only(rows), steps, request, self._archive)
            case ["rendered"]:
                return await retrieve_rendered(rows, None, request, self._archive, self._threads)
            case ["frames", listed, "rendered"] if len(named) == 3:
                return await retrieve_rendered(rows, listed, request, self._archive, self._threads)
            case _:
                raise no_such_route()
        return None

    async def _metadata(self, rows: list[InstanceRow], request: Request) -> Answer:
        told = await told_metadata(rows, self._archive)
        known = self._archive.descriptions.known(rows).keys() | told.keys()
        await at_hand([row for row in rows if row.id not in known], self._archive)
        return await retrieve_metadata(rows, request, self._archive, told)

    async def _rows(self, named: list[str], request: Request, scope: Scope) -> list[InstanceRow]:
        """The instances of a study, a series, or one, as they are to be given now; the read is audited."""
        rows = self._archive.index.instances(scope, *(checked_uid(uid) for uid in named))
        if not rows:
            raise not_found()
        if not all(row.is_current for row in rows):
            rows = await asyncio.to_thread(self._archive.served.current, rows)
        self._audit.note(request.caller, "wado", SIGHT_OF, sorted({row.patient for row in rows if row.patient}))
        return rows


_RESOURCES = (["studies"], ["series"], ["instances"], ["wado"], ["worklist"], ["corrections"])


def _is_search(path: list[str]) -> bool:
    return path[-1:] in (["studies"], ["series"], ["instances"]) and len(path) in (1, 3, 5)


def _named(path: list[str]) -> tuple[list[str], list[str]]:
    """The UIDs of a retrieve path, and what follows them."""
    if len(path) < 2 or path[0] != "studies":
        raise no_such_route()
    named, rest = [path[1]], path[2:]
    for level in ("series", "instances"):
        if len(rest) >= 2 and rest[0] == level:
            named.append(rest[1])
            rest = rest[2:]
        else:
            break
    return named, rest


def _only(rows: list[InstanceRow]) -> InstanceRow:
    return rows[0]


def _wrong_method(method: str) -> ExchangeError:
    return Unsupported(f"{method} is not done here.", remedy="Use GET, or POST to store.", http_status=405)
