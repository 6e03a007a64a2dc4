"""The operations on persons, as one list for the composition root."""

from .everything import EVERYTHING_OPERATION
from .operation import Operation
from .person import PERSON_OPERATION
from .pix import PIX_OPERATION

IDENTITY_OPERATIONS: tuple[Operation, ...] = (PERSON_OPERATION, EVERYTHING_OPERATION, PIX_OPERATION)
