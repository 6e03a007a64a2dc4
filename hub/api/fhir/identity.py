"""The operations on persons, as one list for the composition root."""

from .everything import EVERYTHING_OPERATION
from .match import MATCH_OPERATION
from .merge import MERGE_OPERATION, UNMERGE_OPERATION
from .operation import Operation
from .person import PERSON_OPERATION
from .pix import PIX_OPERATION

IDENTITY_OPERATIONS: tuple[Operation, ...] = (
    PERSON_OPERATION,
    EVERYTHING_OPERATION,
    MATCH_OPERATION,
    PIX_OPERATION,
    MERGE_OPERATION,
    UNMERGE_OPERATION,
)
