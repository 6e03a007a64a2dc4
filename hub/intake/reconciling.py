"""Deciding on quarantine items in state ``reconcile``: two copies of one object that differ in their headers."""

from typing import Literal

from hub.contracts.caller import Caller
from hub.contracts.errors import Conflict, Incorrect
from hub.contracts.quarantine import Reconciler

from .quarantine import SqlQuarantine

STATES = {"new": "replaced", "first": "kept-first"}


class Reconciling:
    def __init__(self, quarantine: SqlQuarantine, reconciler: Reconciler) -> None:
        self._quarantine = quarantine
        self._reconciler = reconciler

    def decide(self, item_id: str, take: Literal["new", "first"], reason: str, caller: Caller) -> None:
        """Whoever may list the item may decide on it, with a reason. Blocks. Raises NotFound; Conflict where there is
        nothing to be decided; what the reconciler raises."""
        kept = self._quarantine.kept(item_id, caller)
        if kept.item.state != "reconcile":
            raise Conflict("There is nothing to be decided on this item.", remedy="List those in state reconcile.")
        if not reason.strip():
            raise Incorrect("A reason is needed.", where="reason", remedy="Say why, in a few words.")
        if take == "new":
            self._reconciler.take_new(kept.original.content, kept.caller, caller, reason)
        self._quarantine.mark(item_id, STATES[take], caller, reason)
