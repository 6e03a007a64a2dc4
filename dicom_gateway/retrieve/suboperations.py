"""The sub-operations of one retrieval: their counts (PS3.4 C.4.2.1.6), and the responses that tell them."""

from dataclasses import dataclass, field

from ..data_set_bytes import data_set_bytes
from ..dimse.exchange import Exchange
from ..dimse.message import Element, Value
from ..scp.serving import Request
from ..status import CANCELLED, PENDING, SUCCESS
from ..transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN

SUB_OPERATIONS_FAILED = 0xB000
"""Warning: complete, but one or more have failed."""
UNABLE_TO_PERFORM = 0xA702
_FAILED_LIST = "00080058"
_WARNINGS = frozenset({0x0001, 0x0107, 0x0116})
_MOST_COUNT = 0xFFFF


@dataclass(slots=True)
class SubOperations:
    """``total`` in all; what is not yet counted remains."""

    total: int
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def remaining(self) -> int:
        return self.total - self.completed - self.warned - len(self.failed)

    def count(self, sop_instance_uid: str, status: int) -> None:
        """One sub-operation was answered with ``status``."""
        if status == SUCCESS:
            self.completed += 1
        elif status in _WARNINGS or status >> 12 == 0xB:
            self.warned += 1
        else:
            self.failed.append(sop_instance_uid)

    @property
    def final_status(self) -> int:
        if not self.failed and not self.warned:
            return SUCCESS
        return SUB_OPERATIONS_FAILED if self.completed or self.warned else UNABLE_TO_PERFORM

    def pending(self, request: Request) -> bytes:
        """The command set of a Pending response with the counts as of now."""
        return request.response(PENDING, more=self._counts(remaining=True))

    def tell_final(self, request: Request, exchange: Exchange, *, cancelled: bool = False, comment: str = "") -> None:
        status = CANCELLED if cancelled else self.final_status
        counts = self._counts(remaining=cancelled)
        data = b""
        if self.failed:
            data = data_set_bytes(
                {_FAILED_LIST: {"vr": "UI", "Value": self.failed}},
                implicit=request.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
                encode_text=str.encode,
            )
        command = request.response(status, comment, more=counts, data_set=bool(data))
        exchange.send(request.context_id, command, data)

    def _counts(self, *, remaining: bool) -> dict[int, Value]:
        counts: dict[int, Value] = {
            Element.COMPLETED: min(self.completed, _MOST_COUNT),
            Element.FAILED: min(len(self.failed), _MOST_COUNT),
            Element.WARNED: min(self.warned, _MOST_COUNT),
        }
        return counts | ({Element.REMAINING: min(self.remaining, _MOST_COUNT)} if remaining else {})
