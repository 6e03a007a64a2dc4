"""``hub.contracts.ingest.Ingester`` for what C-STORE or STOW-RS has sent and quarantine has kept: stores it again."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from hub.contracts.caller import Caller
from hub.contracts.site import ZONE
from hub.contracts.submission import Receipt

from .instance_store import ArchiveInstanceStore


class DicomIngest:
    def __init__(self, instances: ArchiveInstanceStore) -> None:
        self._instances = instances

    async def __call__(self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]) -> Receipt:
        """Raises an ExchangeError where it is still refused. The hub is told of its study when that is quiet."""
        await asyncio.to_thread(self._instances.store, content, caller)
        return Receipt("dicom", datetime.now(ZONE).isoformat(timespec="milliseconds"))
