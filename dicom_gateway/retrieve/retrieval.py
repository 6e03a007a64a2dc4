"""What C-MOVE and C-GET have in common: who may, which instances, audit."""

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Scope
from hub.contracts.errors import Forbidden
from hub.contracts.gate import Gate

from ..archive import Archive
from ..query.identifier import read_identifier
from ..scp.peers import Peers
from ..scp.serving import Request
from ..sop_classes import PATIENT_ROOT_GET, PATIENT_ROOT_MOVE
from ..study_index.instance_row import InstanceRow
from ..study_index.visibility import SIGHT_OF
from .selection import selected


class Retrieval:
    def __init__(self, archive: Archive, peers: Peers, gate: Gate, audit: ReadAudit) -> None:
        self.archive = archive
        self._peers = peers
        self._gate = gate
        self._audit = audit

    def rows(self, request: Request, interaction: str) -> list[InstanceRow]:
        """The instances that the request names and its caller may read; audited. Raises Forbidden, Incorrect."""
        caller = self._peers.may(request.peer, "dicom-read")
        scope = self.scope(caller)
        identifier = read_identifier(request.data, request.transfer_syntax)
        patient_root = request.sop_class in (PATIENT_ROOT_MOVE, PATIENT_ROOT_GET)
        rows = selected(self.archive.index, scope, identifier, patient_root=patient_root)
        rows = self.archive.served.current(rows)
        self._audit.note(caller, interaction, SIGHT_OF, sorted({row.patient for row in rows if row.patient}))
        return rows

    def scope(self, caller: Caller) -> Scope:
        """What the caller may read of images. Raises Forbidden where its role reads none."""
        self._gate.check_action(caller, "dicom-read")
        scope = self._gate.scope(caller)
        if not scope.sees_type(SIGHT_OF):
            raise Forbidden("This role reads no images.", remedy="Use a client whose role does.")
        return scope
