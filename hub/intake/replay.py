"""Runs again what was refused, through the door of its own channel and on behalf of its sender."""

import asyncio
from collections.abc import Mapping

from hub.contracts.caller import Caller
from hub.contracts.errors import Unsupported
from hub.contracts.ingest import Acknowledgement, Ingester
from hub.contracts.submission import Channel, Receipt

from .quarantine import SqlQuarantine


class Replay:
    """``ingesters`` holds what reads each channel; a channel without one cannot be replayed."""

    def __init__(self, quarantine: SqlQuarantine, ingesters: Mapping[Channel, Ingester]) -> None:
        self._quarantine = quarantine
        self._ingesters = ingesters

    async def run(self, item_id: str, caller: Caller) -> Receipt | Acknowledgement:
        """The item is marked ``replayed`` when it is accepted. Refused again: raises the ExchangeError, or gives the
        channel's own refusal, and the item says the new reason."""
        kept = await asyncio.to_thread(self._quarantine.kept, item_id, caller)
        ingester = self._ingesters.get(Channel(kept.item.kind))
        if ingester is None:
            raise Unsupported(
                f"What came by {kept.item.kind} cannot be replayed here.", remedy="Ask the sender to send it again."
            )
        answer = await ingester(kept.original.content, kept.original.content_type, kept.caller, kept.parameters)
        if isinstance(answer, Receipt) or answer.accepted:
            await asyncio.to_thread(self._quarantine.mark_replayed, item_id, caller)
        return answer
