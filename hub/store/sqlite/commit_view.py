"""The store as consequences see it inside the open commit, and what they may add to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.errors import Fault, NotFound
from hub.contracts.store import Reaction, Stored, Written
from hub.contracts.submission import Entry, Method, Notice, Submission
from hub.fhir import body as fhir_body
from hub.fhir import search_params

from .batch import Batch
from .facts import system_hash, text_hash
from .identifiers import new_id
from .prepared import Content
from .preparing import Preparer
from .records import Record
from .schema import ORGANIZATION, TYPE_NUMBERS

MOST_FOUND = 100
MOST_WAVES = 4
"""How often consequences may cause consequences."""
_POST, _PUT = 0, 1


class View:
    """``hub.contracts.store.CommitView`` for one submission of a group."""

    def __init__(
        self, batch: Batch, preparer: Preparer, reactions: Sequence[Reaction], submission: Submission, sender: int
    ) -> None:
        self._batch = batch
        self._preparer = preparer
        self._reactions = reactions
        self._submission = submission
        self._sender = sender
        self._puts: list[Written] = []
        self._saved = False
        self.person: str | None = None
        self.notices: list[Notice] = []

    @property
    def caller(self) -> Caller:
        return self._submission.origin.caller

    @property
    def submission(self) -> Submission:
        return self._submission

    @property
    def now(self) -> datetime:
        return self._batch.now

    def read(self, resource_type: str, resource_id: str) -> Stored | None:
        record = self._batch.record((TYPE_NUMBERS[resource_type], resource_id))
        return None if record is None or record.deleted else record.stored(self._batch.ts, self._batch.names)

    def find(self, resource_type: str, code: str, system: str | None, value: str) -> Sequence[Stored]:
        parameter = search_params.find(resource_type, code)
        if parameter is None or parameter.kind != "token":
            raise Fault(f"{resource_type} has no token parameter {code}.")
        wanted = None if system is None else system_hash(system)
        found = self._batch.with_token(parameter.stored_as, text_hash(value), wanted, None, MOST_FOUND)
        return [record.stored(self._batch.ts, self._batch.names) for record in found]

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._batch.connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        if not self._saved:
            self._batch.connection.execute("SAVEPOINT submission")
            self._saved = True
        self._batch.connection.execute(sql, parameters)

    def put(
        self, resource_type: str, body: dict[str, Any], *, owner: str, id: str | None = None, patient: str | None = None
    ) -> Stored:
        compact = fhir_body.minify(msgspec.json.encode(body))
        number, batch = TYPE_NUMBERS[resource_type], self._batch
        record = batch.record((number, id)) if id is not None else None
        resource_id = id or new_id()
        content = self._preparer.content(
            resource_type, compact, resource_id, f"Patient/{patient}" if patient is not None else None
        )
        method = _POST if id is None else _PUT
        if record is None:
            party = batch.names.give_party(ORGANIZATION, owner)
            record = batch.create((number, resource_id), party, owner, fresh=id is None)
        elif not record.deleted and record.sum == content.sum:
            return record.stored(batch.ts, batch.names)
        batch.add_version(record, method, self._sender, content)
        entry = Entry(Method.CREATE if id is None else Method.UPDATE, resource_type, compact, id=id)
        self._puts.append(written(record, entry, content, batch.ts))
        return record.stored(batch.ts, batch.names)

    def share(self, resource_type: str, resource_id: str, organization: str) -> None:
        record = self._batch.record((TYPE_NUMBERS[resource_type], resource_id))
        if record is None:
            raise NotFound("What is to be shared is not there.", where=resource_type)
        self._batch.share(record, self._batch.names.give_party(ORGANIZATION, organization))

    def tell_person(self, person_id: str) -> None:
        if self.person is None:
            self.person = f"Person/{person_id}"

    def tell(self, notice: Notice) -> None:
        self.notices.append(notice)

    def react(self, wave: Sequence[Written]) -> None:
        """Run every reaction that ``wave`` concerns, then those that what they put concerns, and so on."""
        for _ in range(MOST_WAVES):
            if not wave:
                return
            types = {one.type for one in wave}
            for reaction in self._reactions:
                if reaction.types is None or not types.isdisjoint(reaction.types):
                    reaction.run(wave, self)
            wave, self._puts = self._puts, []
        if wave:
            raise Fault(
                "Consequences cause one another without end.", remedy="Report this: a reaction must come to rest."
            )

    def acted(self) -> None:
        """Run the reactions on what an action put."""
        wave, self._puts = self._puts, []
        self.react(wave)

    def keep(self) -> None:
        """The submission stands: what was executed belongs to the group."""
        if self._saved:
            self._batch.connection.execute("RELEASE submission")
            self._saved = False

    def drop(self) -> None:
        """Take back what was executed."""
        connection = self._batch.connection
        if self._saved and connection.in_transaction:
            connection.execute("ROLLBACK TO submission")
            connection.execute("RELEASE submission")
            self._batch.names.forget_parties()
            self._saved = False


def written(record: Record, entry: Entry, content: Content | None, ts: int) -> Written:
    """The newest version of a record as consequences see it."""
    last = record.versions[-1]
    return Written(
        record.type,
        record.id,
        last.version,
        record.body(ts),
        content.resource if content is not None else None,
        record.owner_name,
        last.patient,
        entry,
        record.rid,
        last.patient_rid or None,
        content is None,
        content.derived if content is not None else {},
    )
