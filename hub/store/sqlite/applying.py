"""One submission, or one action of a room, inside the commit of its group: all of it, or nothing and a reason."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from hub.contracts.caller import Caller
from hub.contracts.store import CommitView, Reaction
from hub.contracts.submission import Channel, Origin, Receipt, Submission

from . import bodies, receipts
from .batch import Batch
from .commit_view import View, written
from .deciding import Decider, outcomes
from .flushing import Flusher
from .prepared import Condition, Prepared
from .preparing import Preparer
from .schema import CLIENT, ORGANIZATION
from .searching import find_ids
from .visible import Visible, may_read, owned_by, patients_of, visible

Action = Callable[[CommitView], object]
_MOST_READABLE = 100


class Applier:
    """For the writer's thread."""

    def __init__(self, batch: Batch, flusher: Flusher, preparer: Preparer, reactions: Sequence[Reaction]) -> None:
        self._batch = batch
        self._flusher = flusher
        self._preparer = preparer
        self._reactions = reactions

    def submission(self, prepared: Prepared) -> Receipt:
        """Raises what refuses it; the batch is then as it was."""
        batch, origin = self._batch, prepared.submission.origin
        sender = batch.names.give_party(CLIENT, origin.caller.client)
        if (receipt := receipts.bound(batch.connection, sender, origin)) is not None:
            return receipt
        self._settle(prepared)
        mark = batch.mark()
        view = View(batch, self._preparer, self._reactions, prepared.submission, sender)
        try:
            decided = Decider(batch, prepared).decide()
            if self._reactions:
                view.react(
                    [
                        written(one.record, one.item.entry, one.content, batch.ts)
                        for one in decided
                        if one.changed and one.record is not None
                    ]
                )
            accepted_at, decisions = bodies.instant(batch.ts), outcomes(decided, batch.ts)
            receipt = Receipt(prepared.id, accepted_at, decisions, view.person, notices=tuple(view.notices))
            receipts.bind(batch.connection, sender, origin, receipt)
            view.keep()
        except BaseException:
            view.drop()
            batch.undo(mark)
            raise
        return receipt

    def action(self, run: Action, caller: Caller) -> object:
        """A room's own change; gives what it returned."""
        batch = self._batch
        sender = batch.names.give_party(CLIENT, caller.client)
        submission = Submission((), Origin(caller, Channel.INTERNAL, datetime.now(UTC)))
        mark = batch.mark()
        view = View(batch, self._preparer, self._reactions, submission, sender)
        try:
            result = run(view)
            view.acted()
            view.keep()
        except BaseException:
            view.drop()
            batch.undo(mark)
            raise
        return result

    def _settle(self, prepared: Prepared) -> None:
        """Ask every condition again, now that nothing can change; render anew where the snapshot said otherwise."""
        changed = False
        for need, condition in prepared.conditions.items():
            nobody = condition.token is not None and self._batch.nobody_has(condition.token)
            found = () if nobody else self._meets(condition, prepared)
            if found != prepared.answers[need] and set(found) != set(prepared.answers[need]):
                prepared.answers[need] = found
                changed = True
        if changed:
            prepared.items = self._preparer.render(prepared)

    def _meets(self, condition: Condition, prepared: Prepared) -> tuple[str, ...]:
        names, need = self._batch.names, condition.need
        owner = names.party(ORGANIZATION, need.owner)
        found = () if owner is None else self._among(condition, owned_by(owner))
        if not found and need.readable and prepared.scope is not None and prepared.scope.sees_type(need.type):
            connection = self._batch.connection
            found = self._among(
                condition, visible(prepared.scope, names.party, lambda asked: patients_of(connection, asked))
            )
        return found

    def _among(self, condition: Condition, scope: Visible) -> tuple[str, ...]:
        batch = self._batch
        if condition.token is None:
            assert condition.query is not None  # noqa: S101 - one of the two is set
            self._flusher.flush(batch)
            return find_ids(batch.connection, batch.names, condition.query, scope)
        only = (
            next(iter(scope.owners))
            if scope.branches is not None and len(scope.branches) == 1 and scope.owners
            else None
        )
        limit = 2 if only is not None else _MOST_READABLE
        records = batch.with_token(*condition.token, only, limit)
        return tuple(
            record.id
            for record in records
            if only is not None or may_read(batch.connection, scope, record.rid, record.owner, record.patient_rid)
        )[:2]
