"""Keeps the bytes as received beside what was made of them, in the same commit, so that a translation can be redone.

Messages are small and many: they lie compressed in a side table, because a file each would cost two more fsyncs.
Larger originals (ECG files, documents) are blobs, put before the commit.
"""

import hashlib
from collections.abc import Sequence

import zstandard

from hub.contracts.blob_store import BlobStore
from hub.contracts.store import CommitView, Reaction, ResourceReader, SideTable, Written
from hub.contracts.submission import Channel, Original

INLINE_BYTES = 64 * 1024

TABLES = SideTable(
    "intake",
    """
CREATE TABLE IF NOT EXISTS intake_original(
  client TEXT NOT NULL, channel TEXT NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL, received TEXT NOT NULL,
  content_type TEXT NOT NULL, content BLOB, PRIMARY KEY(client, channel, key, sha256)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS intake_original_blob ON intake_original(sha256) WHERE content IS NULL;
""",
)


_compressor = zstandard.ZstdCompressor(level=1)
"""Made once: a new context costs more than compressing a message. Only the thread that commits uses it."""


def _keep(written: Sequence[Written], view: CommitView) -> None:
    original = view.submission.original
    if original is None:
        return
    origin = view.submission.origin
    inline = len(original.content) <= INLINE_BYTES
    view.execute(
        "INSERT OR IGNORE INTO intake_original VALUES(?,?,?,?,?,?,?)",
        (
            origin.caller.client,
            origin.channel.value,
            origin.key or "",
            hashlib.sha256(original.content).hexdigest(),
            origin.received.isoformat(),
            original.content_type,
            _compressor.compress(original.content) if inline else None,
        ),
    )


def OriginalsReaction() -> Reaction:
    return Reaction(room="intake", types=None, run=_keep, tables=TABLES)


def keeps_original(store: ResourceReader, sha256: str) -> bool:
    """Whether the bytes of this blob are the original of something."""
    sql = "SELECT 1 FROM intake_original WHERE sha256=? AND content IS NULL LIMIT 1"
    return bool(store.side_rows(sql, (sha256,)))


def originals(store: ResourceReader, blobs: BlobStore, client: str, channel: Channel, key: str) -> list[Original]:
    """What ``client`` sent under ``key`` and was accepted; usually one."""
    found = []
    rows = store.side_rows(
        "SELECT sha256, content_type, content FROM intake_original WHERE client=? AND channel=? AND key=?",
        (client, channel.value, key),
    )
    for sha256, content_type, content in rows:
        if content is not None:
            body = zstandard.ZstdDecompressor().decompress(content, max_output_size=INLINE_BYTES)
        else:
            with blobs.open(sha256) as file:
                body = file.read()
        found.append(Original(body, content_type))
    return found
