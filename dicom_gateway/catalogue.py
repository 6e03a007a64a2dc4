"""Which service answers which SOP class."""

from hub.contracts.audit import ReadAudit
from hub.contracts.gate import Gate
from hub.contracts.hub_client import HubClient

from .archive import Archive
from .commitment.service import CommitmentService
from .distant.availability import AvailabilityService
from .mpps.service import PerformedStepService
from .query.find import FindService
from .retrieve.get import GetService
from .retrieve.move import MoveService
from .retrieve.retrieval import Retrieval
from .scp.echo import EchoService
from .scp.peers import Peers
from .scp.serving import Services
from .sop_classes import (
    INSTANCE_AVAILABILITY,
    MODALITY_WORKLIST_FIND,
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    PERFORMED_PROCEDURE_STEP,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
)
from .uids import VERIFICATION
from .worklist.find import WorklistService


def catalogue(archive: Archive, hub: HubClient, peers: Peers, gate: Gate, audit: ReadAudit) -> Services:
    find = FindService(archive, peers, gate, audit)
    retrieval = Retrieval(archive, peers, gate, audit)
    move, get = MoveService(retrieval, hub), GetService(retrieval)
    return Services(
        {
            VERIFICATION: EchoService(),
            PATIENT_ROOT_FIND: find,
            STUDY_ROOT_FIND: find,
            PATIENT_ROOT_MOVE: move,
            STUDY_ROOT_MOVE: move,
            PATIENT_ROOT_GET: get,
            STUDY_ROOT_GET: get,
            PERFORMED_PROCEDURE_STEP: PerformedStepService(archive.index.performed_steps, peers),
            STORAGE_COMMITMENT: CommitmentService(archive.index.commitments, archive.index.route_items, peers),
            INSTANCE_AVAILABILITY: AvailabilityService(archive, peers),
            MODALITY_WORKLIST_FIND: WorklistService(archive.settings, hub, peers, gate, audit),
        }
    )
