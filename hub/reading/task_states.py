"""Where a reading Task may go, and who may move it: a table, without a store.

FHIR R4 Task.status (task-status), as far as reading work uses it::

    requested ── claim ──► in-progress ── report ──► completed
        ▲                      │
        └────── release ───────┘          requested, in-progress ── withdraw ──► cancelled

A move that does not stand in ``TRANSITIONS`` is refused with 422.
"""

from dataclasses import dataclass
from enum import StrEnum

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Forbidden, Incorrect, Precondition


class Status(StrEnum):
    REQUESTED = "requested"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Mover(StrEnum):
    READER = "a reading centre"
    HOLDER = "the reading centre that claimed it"
    SENDER = "the organization that sent the study"


TRANSITIONS: dict[tuple[Status, Status], Mover] = {
    (Status.REQUESTED, Status.REQUESTED): Mover.SENDER,
    (Status.REQUESTED, Status.IN_PROGRESS): Mover.READER,
    (Status.REQUESTED, Status.CANCELLED): Mover.SENDER,
    (Status.IN_PROGRESS, Status.IN_PROGRESS): Mover.HOLDER,
    (Status.IN_PROGRESS, Status.REQUESTED): Mover.HOLDER,
    (Status.IN_PROGRESS, Status.COMPLETED): Mover.HOLDER,
    (Status.IN_PROGRESS, Status.CANCELLED): Mover.SENDER,
    (Status.COMPLETED, Status.COMPLETED): Mover.HOLDER,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A Task as it stood before the move. ``holder`` is the Organization id of the centre that claimed it, ``sender``
    the one that sent the study."""

    status: Status
    holder: str | None
    sender: str


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody wants to make of it. ``owner`` is the Organization id in ``Task.owner``, None where it names none;
    ``reported`` says that an output is a final report of the mover's on this study."""

    status: str
    owner: str | None
    has_if_match: bool
    reported: bool


def holder_after(standing: Standing, move: Move, caller: Caller) -> str | None:
    """The centre that holds the Task after the move. Raises Incorrect (422), Forbidden, Precondition."""
    mover = TRANSITIONS.get((standing.status, Status(move.status))) if move.status in set(Status) else None
    if mover is None:
        raise Incorrect(
            f"A reading Task cannot go from {standing.status} to the status given.",
            where="Task.status",
            remedy="requested goes to in-progress, in-progress to completed or back to requested.",
            issue_code="business-rule",
        )
    claims = standing.status is Status.REQUESTED and move.status == Status.IN_PROGRESS
    if mover is Mover.READER and caller.role is not Role.READER:
        _refuse_mover(mover)
    if mover is Mover.HOLDER and (caller.role is not Role.READER or caller.organization != standing.holder):
        _refuse_mover(mover)
    if mover is Mover.SENDER and caller.organization != standing.sender:
        _refuse_mover(mover)
    if claims and not move.has_if_match:
        raise Precondition(
            "A claim must say which version it claims.",
            where="Task",
            remedy="Send If-Match with the ETag of the Task you read, so that only one reader wins.",
        )
    if move.status == Status.COMPLETED and not move.reported:
        raise Incorrect(
            "A reading Task is completed by a final report of its study.",
            where="Task.output",
            remedy="Send the DiagnosticReport (imagingStudy, final) and the Task with it as output in one transaction.",
            issue_code="business-rule",
        )
    holder = {Status.REQUESTED: None, Status.IN_PROGRESS: caller.organization}.get(Status(move.status), standing.holder)
    if move.owner is not None and move.owner != holder:
        raise Incorrect(
            "Task.owner is not who holds the Task.",
            where="Task.owner",
            remedy="Name your own Organization when you claim it, and leave owner out when you give it back.",
            issue_code="business-rule",
        )
    return holder


def _refuse_mover(mover: Mover) -> None:
    raise Forbidden(f"Only {mover} may do this to a reading Task.", where="Task.status", remedy="Read the Task again.")
