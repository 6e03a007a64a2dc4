"""Blobs: through folder, bucket and smaller form, against bare files and bare obstore in the same run.

The bucket is a real MinIO where its binary is at hand (``HUB_TESTS_MINIO`` or PATH), else moto's server.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from obstore.store import S3Store
from pydicom.data import get_testdata_file

from dicom_gateway.at_rest import JpegLs
from hub.blobs.cache import FileCache
from hub.blobs.folder import FolderBlobStore, sync_folder
from hub.blobs.folder_shelf import FolderShelf
from hub.blobs.packing import Packing, Zstd
from hub.blobs.s3 import S3Shelf
from hub.blobs.settling import CARRIERS
from hub.blobs.settling_store import SettlingBlobStore
from tests.servers import s3

SLICE_BYTES, SLICES = 526_000, 400
IMAGES = {
    "CT head 512×512, signed": "693_UNCI.dcm",
    "MR 1024×1024": "MR2_UNCI.dcm",
    "radiograph, 10 bits": "RG1_UNCI.dcm",
    "radiograph, 15 bits in use, much background": "RG3_UNCI.dcm",
    "ultrasound, colour": "US1_UNCI.dcm",
}
Row = tuple[str, str, str]


def run(folder: Path, small: bool) -> Iterator[Row]:
    contents = [os.urandom(SLICE_BYTES) for _ in range(SLICES // 10 if small else SLICES)]
    yield from _folder(folder, contents)
    yield from _bucket(folder, contents)
    yield from _smaller(folder)


def _folder(folder: Path, contents: Sequence[bytes]) -> Iterator[Row]:
    bare, store = folder / "bare", FolderBlobStore(folder / "plain")
    bare.mkdir()
    paths = [bare / str(number) for number in range(len(contents))]
    written = _seconds(lambda: [_write(path, content) for path, content in zip(paths, contents, strict=True)])
    put = _seconds(lambda: [store.put(content) for content in contents])
    yield _row("put into the folder, fsync, one thread", put, "bare files with fsync", written, contents)
    keys = list(store.keys())
    read = _seconds(lambda: [path.read_bytes() for path in paths])
    got = _seconds(lambda: [_whole(store.descriptor(key)) for key in keys])
    yield _row("get from the folder", got, "bare reads", read, contents)


def _bucket(folder: Path, contents: Sequence[bytes]) -> Iterator[Row]:
    with s3.server(folder / "minio") as (name, endpoint):
        bucket = s3.make_bucket(endpoint, "bench")
        arriving, cache = FolderBlobStore(folder / "blobs"), FileCache(folder / "cache", 4 << 30)
        store = SettlingBlobStore(arriving, S3Shelf(bucket), cache, Packing([]), pack=False)
        client = S3Store(
            bucket.name, prefix="bare", endpoint=bucket.endpoint, access_key_id=s3.KEY, secret_access_key=s3.SECRET,
            client_options={"allow_http": True},
        )  # fmt: skip
        names = [str(number) for number in range(len(contents))]
        with ThreadPoolExecutor(CARRIERS) as pool:

            def each(work: Callable[..., object], *given: Sequence[object]) -> Callable[[], object]:
                return lambda: list(pool.map(work, *given))

            bare = _seconds(each(lambda name, content: obstore.put(client, name, content), names, contents))
            put = _seconds(lambda: [store.put(content) for content in contents])
            yardstick = f"bare put into {name}, {CARRIERS} threads"
            yield _row("put where a bucket is behind, one thread", put, yardstick, bare, contents)
            keys = list(store.waiting())
            settled = _seconds(each(store.settle, keys))
            yield _row(f"settling into {name}, {CARRIERS} carriers", settled, "bare put, checksum off", bare, contents)
            bare = _seconds(each(lambda name: obstore.get(client, name).bytes(), names))
            cached = _seconds(lambda: [_whole(store.descriptor(key)) for key in keys])
            for key in keys:
                cache.discard(key)
            far = _seconds(each(lambda key: _whole(store.descriptor(key)), keys))
            yield _row(f"get from {name} into the cache, {CARRIERS} readers", far, "bare get", bare, contents)
            yield _row("get from the cache, one reader", cached, "bare get", bare, contents)


def _smaller(folder: Path) -> Iterator[Row]:
    codec, zstd = JpegLs(), Zstd()
    for what, name in IMAGES.items():
        content = Path(get_testdata_file(name) or "").read_bytes()
        began = time.perf_counter()
        form = codec.pack(content) or content
        made = time.perf_counter()
        codec.unpack(memoryview(form), len(content))
        packing, unpacking = made - began, time.perf_counter() - made
        other = zstd.pack(content)
        yield (
            f"smaller form of {what}",
            f"{len(content) / min(len(form), len(other)):.2f} : 1; {len(content) / packing / 1e6:.0f} MB/s to make, "
            f"{len(content) / unpacking / 1e6:.0f} MB/s back",
            f"Zstandard alone {len(content) / len(other):.2f} : 1",
        )
    content = Path(get_testdata_file(IMAGES["CT head 512×512, signed"]) or "").read_bytes()
    originals = [content + number.to_bytes(2, "little") for number in range(50)]
    store = SettlingBlobStore(
        FolderBlobStore(folder / "packed"), FolderShelf(folder / "packed" / "settled"),
        FileCache(folder / "packed-cache", 1 << 30), Packing([codec, zstd]), pack=True,
    )  # fmt: skip
    keys = [store.put(one) for one in originals]
    with ThreadPoolExecutor(CARRIERS) as pool:
        settled = _seconds(lambda: list(pool.map(store.settle, keys)))
    for key in keys:
        store.cache.discard(key)
    first = _seconds(lambda: [_whole(store.descriptor(key)) for key in keys])
    size = sum(map(len, originals)) / 1e6
    yield "packing CT slices at rest, proof included", f"{size / settled:.0f} MB/s", f"{CARRIERS} carriers"
    yield "first read of a packed slice, through the cache", f"{1000 * first / len(keys):.1f} ms", "one reader"


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _row(what: str, seconds: float, yardstick: str, bare: float, contents: Sequence[bytes]) -> Row:
    size = sum(map(len, contents)) / 1e6
    measured = f"{size / seconds:.0f} MB/s, {len(contents) / seconds:.0f}/s"
    return what, measured, f"{yardstick} {size / bare:.0f} MB/s: {bare / seconds:.2f} ×"


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _whole(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()
