"""``hub serve``: open the doors, fork the children, supervise them."""

import os
import socket
from collections.abc import Callable

from hub.app import blobs
from hub.app.fair_accept import Shares
from hub.app.followers import run_followers
from hub.app.gateway import Places, run_gateway
from hub.app.parts import Parts, compose
from hub.app.worker import SharedDoor, run_worker
from hub.exams import warming
from hub.fhir import extract, model
from hub.identity import chinese
from hub.process.folder import DataFolder, FolderTaken
from hub.process.supervisor import Child, Supervisor, listen
from hub.search.progress import Progress, Word
from hub.settings import MAX_DEFAULT_WORKERS, Door, Settings, SettingsError, refusals
from hub.telemetry import lines, metrics
from hub.telemetry.events import declare

TRUSTED_NETWORK = declare(
    "serve.trusted-network", "warning", ("network",), "Devices here are known by address and AE title, without TLS."
)

NO_INDEX = declare(
    "serve.no-index", "warning", ("reason",), "The search index cannot be used; the store searches alone."
)

Ready = Callable[[], None]


def serve(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT. 0 after a clean drain; 2 where these settings cannot be served."""
    wrong = refusals(settings)
    if wrong:
        raise SettingsError(wrong[0])
    try:
        folder = DataFolder(settings.data_dir)
    except FolderTaken as taken:
        raise SettingsError(str(taken)) from None
    except OSError as error:
        raise SettingsError(
            f"The data folder {settings.data_dir} cannot be used ({error.strerror}). Give a --data-dir that you may "
            "write to."
        ) from None
    if (told := blobs.why_not_before_forking(settings)) is not None:
        folder.release()
        raise SettingsError(told)
    blobs.remember(settings)
    lines.configure(settings.log_level)
    http, mllp, dicom = (_open(name, door) for name, door in _doors(settings))
    opened = settings.http.model_copy(update={"port": http.getsockname()[1]})
    settings = settings.model_copy(update={"http": opened})
    metrics.forget(settings.data_dir / "run" / "metrics")
    _prepare(settings)
    numbered = settings.workers or min(os.cpu_count() or 1, MAX_DEFAULT_WORKERS)
    metrics_folder = settings.data_dir / "run" / "metrics"

    shared_http, shared_mllp = SharedDoor(http, Shares(numbered)), SharedDoor(mllp, Shares(numbered))

    def worker(number: int) -> Callable[[Ready], None]:
        def run(ready: Ready) -> None:
            metrics.start(metrics_folder)
            run_worker(compose(settings), shared_http, shared_mllp, number, ready)

        return run

    places = Places(settings.dicom.processes)

    def gateway(number: int) -> Callable[[Ready], None]:
        def run(ready: Ready) -> None:
            metrics.start(metrics_folder)
            run_gateway(compose(settings), dicom, places, number, ready)

        return run

    def followers(ready: Ready) -> None:
        metrics.start(metrics_folder)
        run_followers(compose(settings), ready)

    children = [Child(f"worker-{number + 1}", worker(number)) for number in range(numbered)]
    children += [Child(f"dicom-{number + 1}", gateway(number)) for number in range(settings.dicom.processes)]
    children += [Child("followers", followers)]
    scheme = "https" if settings.http.tls else "http"
    ready_line = {
        "event": "ready",
        "http": f"{scheme}://{_place(http)}",
        "mllp": _place(mllp),
        "dicom": _place(dicom),
        "ae_title": settings.dicom.ae_title,
        "pid": os.getpid(),
        "data_dir": str(settings.data_dir),
    }
    if settings.trusted_network:
        TRUSTED_NETWORK.log(network=settings.trusted_network)
    return Supervisor(folder, children, ready_line).run()


def _doors(settings: Settings) -> tuple[tuple[str, Door], ...]:
    return ("http", settings.http), ("mllp", settings.mllp), ("dicom", settings.dicom)


def _open(name: str, door: Door) -> socket.socket:
    try:
        return listen(door.host, door.port)
    except OSError as error:
        raise SettingsError(
            f"The {name} door cannot listen on {door.host}:{door.port} ({error.strerror}). Give another --{name} "
            "HOST:PORT; port 0 takes a free one."
        ) from None


def _place(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _prepare(settings: Settings) -> None:
    """What is done once for all children: compile the model, load what examinations and names are judged by, make
    the tables, remove half-written files. The store's connections are closed again before the first fork."""
    model.warm()
    for resource_type in model.RESOURCE_TYPES:
        extract.warm(resource_type)
    warming.warm()
    chinese.warm()
    parts = compose(settings)
    parts.blobs.clear_unfinished()
    parts.store.last_sequence()
    try:
        _look_at_index(settings, parts)
    finally:
        parts.close()


def _look_at_index(settings: Settings, parts: Parts) -> None:
    """Raises SettingsError where an index is required and cannot be used; else says so and goes on without."""
    if not settings.search.urls:
        return
    from hub.app.indexing import trouble_at_start

    trouble = trouble_at_start(settings.search, parts.store)
    if trouble and settings.search.required:
        raise SettingsError(trouble)
    if trouble:
        NO_INDEX.log(reason=trouble)
    Progress(parts.store).say(Word.TROUBLE, trouble)
