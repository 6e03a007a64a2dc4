"""The C-FIND SCP of the Study Root and Patient Root information models (PS3.4 C.4.1)."""

from collections.abc import Iterator, Sequence

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Scope
from hub.contracts.errors import ExchangeError, Forbidden, TooLarge
from hub.contracts.gate import Gate

from ..answer_charset import answer_charset
from ..archive import Archive
from ..dimse.exchange import Exchange
from ..scp.peers import Peers
from ..scp.serving import Request
from ..sop_classes import PATIENT_ROOT_FIND
from ..status import CANCELLED, PENDING, SUCCESS, query_status
from ..study_index.search import Match, Query, statement
from ..study_index.visibility import SIGHT_OF
from ..transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN
from .answer import Answers, identifier_bytes
from .identifier import read_identifier
from .keys import FindQuery, read_query
from .patients import patient_statement

ALL_KEYS_SUPPORTED = PENDING
_BATCH = 100
_FIRST_BATCH = 10


class FindService:
    def __init__(
        self,
        archive: Archive,
        peers: Peers,
        gate: Gate,
        audit: ReadAudit,
    ) -> None:
        self._archive = archive
        self._peers = peers
        self._gate = gate
        self._audit = audit

    def failure(self, error: ExchangeError) -> int:
        return query_status(error)

    def serve(self, request: Request, exchange: Exchange) -> None:
        caller = self._peers.may(request.peer, "dicom-read")
        scope = self._gate.scope(caller)
        if not scope.sees_type(SIGHT_OF):
            raise Forbidden("This role reads no images.", remedy="Use a client whose role does.")
        settings = self._archive.settings
        identifier = read_identifier(request.data, request.transfer_syntax)
        patient_root = request.sop_class == PATIENT_ROOT_FIND
        query = read_query(identifier, patient_root=patient_root, relational=request.relational)
        implicit = request.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        device = settings.device(request.peer.ae_title)
        charset = answer_charset(device.character_set, identifier.characters, settings.character_set)
        answers = Answers(self._archive, query, settings.ae_title)
        pending = request.response(ALL_KEYS_SUPPORTED, data_set=True)
        patients: set[str] = set()
        given = 0
        try:
            for batch in self._batches(query, scope):
                made = answers.of(batch)
                if given + len(made) > settings.maximum_matches:
                    raise TooLarge(f"More than {settings.maximum_matches} matches: narrow the query.")
                patients.update(match.patient for match in batch if match.patient)
                exchange.send_all(
                    request.context_id,
                    [(pending, identifier_bytes(one, charset, implicit=implicit)) for one in made],
                )
                given += len(made)
                if exchange.cancelled(request.message_id):
                    exchange.send(request.context_id, request.response(CANCELLED))
                    return
        finally:
            self._audit.note(caller, "c-find", SIGHT_OF, sorted(patients))
        exchange.send(request.context_id, request.response(SUCCESS))

    def _batches(self, query: FindQuery, scope: Scope) -> Iterator[Sequence[Match]]:
        """Matches as they are read from the index, in one snapshot."""
        asked = Query(query.index_level, query.conditions, self._archive.settings.maximum_matches + 1)
        sql, parameters = (patient_statement if query.level == "PATIENT" else statement)(asked, scope)
        cursor = self._archive.index.connections.get().execute(sql, parameters)
        try:
            size = _FIRST_BATCH
            while rows := cursor.fetchmany(size):
                yield [Match.of(row) for row in rows]
                size = _BATCH
        finally:
            cursor.close()
