"""Which blob store the settings ask for, and whether it can be used.

A folder's blobs lie in one place: ``DIR/blobs/at-rest`` names it once it was used, and other settings are refused, so
that nobody looks for them where they are not.
"""

import os
from pathlib import Path

from dicom_gateway.at_rest import JpegLs
from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore
from hub.blobs.folder_shelf import FolderShelf
from hub.blobs.packing import Packing, Zstd
from hub.blobs.s3 import Bucket, S3Shelf
from hub.blobs.settling_store import SettlingBlobStore
from hub.settings import S3, Settings

_FOLDER = "folder"


def blob_store(settings: Settings) -> FolderBlobStore | SettlingBlobStore:
    """A plain folder, unless something is to come to rest elsewhere or otherwise."""
    folder = settings.data_dir / "blobs"
    arriving = FolderBlobStore(folder)
    settled = folder / "settled"
    chosen = settings.blobs
    if chosen.s3 is None and not chosen.compress and _used(settings.data_dir) is None:
        return arriving
    keep_free_bytes = 2 * settings.dicom.free_space_floor_bytes  # so that it gives way before a sender is refused
    cache = FileCache(settings.data_dir / "cache" / "blobs", chosen.cache_bytes, keep_free_bytes)
    shelf = S3Shelf(_bucket(chosen.s3)) if chosen.s3 is not None else FolderShelf(settled)
    return SettlingBlobStore(arriving, shelf, cache, Packing([JpegLs(), Zstd()]), pack=chosen.compress)


def misplaced(settings: Settings) -> str | None:
    """Why these settings do not lead to where the blobs of this folder are. Asks nobody."""
    place, used = _place(settings), _used(settings.data_dir)
    if used in (None, place):
        return None
    named = "in the data folder itself, compressed" if used == _FOLDER else f"in {used}"
    return (
        f"The blobs of {settings.data_dir} lie {named}. Correct HUB_BLOBS__S3__… (to move them, serve once more from "
        "there with HUB_BLOBS__BRING_BACK=true), or give another --data-dir."
    )


def why_not(settings: Settings) -> str | None:
    """What forbids serving with these settings, as one sentence with the remedy. Asks the bucket; not in a process that
    forks afterwards. A bucket that was used before and is out of reach forbids nothing: what arrives waits for it."""
    if (told := misplaced(settings)) is not None:
        return told
    used = _used(settings.data_dir)
    if settings.blobs.s3 is None:
        return None
    if (ca_file := settings.blobs.s3.ca_file) is not None and not ca_file.is_file():
        return f"{ca_file} is not there. Correct HUB_BLOBS__S3__CA_FILE."
    refusal = S3Shelf(_bucket(settings.blobs.s3)).refusal()
    return None if refusal is None or (refusal.away and used is not None) else refusal.sentence


def why_not_before_forking(settings: Settings) -> str | None:
    """The same for a process that has not asked a bucket yet and is about to fork: a client of a bucket has threads
    that no fork survives, so it lives and ends in a child here."""
    if settings.blobs.s3 is None:
        return why_not(settings)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            told = why_not(settings) or ""
        except BaseException as failure:
            told = f"The blob store could not be asked ({type(failure).__name__}). Run hub check."
        os.write(write, told.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        told = answer.read().decode()
    os.waitpid(child, 0)
    return told or None


def remember(settings: Settings) -> None:
    """From now on, other settings are refused for this folder."""
    if settings.blobs.s3 is None or settings.blobs.bring_back:
        return
    at_rest = settings.data_dir / "blobs" / "at-rest"
    at_rest.parent.mkdir(parents=True, exist_ok=True)
    new = at_rest.with_suffix(".new")
    new.write_text(_place(settings) + "\n", encoding="utf-8")
    new.replace(at_rest)


def forget(settings: Settings) -> None:
    """Everything is back in the folder; any settings may follow."""
    (settings.data_dir / "blobs" / "at-rest").unlink(missing_ok=True)


def _place(settings: Settings) -> str:
    s3 = settings.blobs.s3
    return _FOLDER if s3 is None else f"{_bucket(s3)} at {s3.endpoint or s3.region}"


def _used(folder: Path) -> str | None:
    """Where the blobs of this folder have come to rest, as far as they have."""
    at_rest = folder / "blobs" / "at-rest"
    if at_rest.is_file():
        return at_rest.read_text(encoding="utf-8").strip()
    return _FOLDER if next((folder / "blobs" / "settled").glob("??/*"), None) else None


def _bucket(chosen: S3) -> Bucket:
    return Bucket(
        name=chosen.bucket,
        endpoint=chosen.endpoint,
        region=chosen.region,
        prefix=chosen.prefix.strip("/"),
        key=chosen.key,
        secret=chosen.secret,
        ca_file=chosen.ca_file,
        path_style=chosen.path_style,
        timeout_seconds=chosen.timeout_seconds,
    )
