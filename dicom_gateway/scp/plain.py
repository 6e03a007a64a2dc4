"""C-STORE by the library's own receive path: after any other command, or with the fast path off.

The library has written the data set to a file of its own; it is copied from there into the spool.
"""

from typing import Any

from pydicom.dataset import Dataset

from ..events import log_fault
from ..file_meta import read_file_meta
from ..status import OUT_OF_RESOURCES, error_comment

_STEP_BYTES = 1 << 20
_MOST_HEAD_BYTES = 64 << 10


def on_c_store(event: Any) -> Dataset:
    """Handler of ``evt.EVT_C_STORE``; gives the status and the error comment."""
    answer = Dataset()
    try:
        status, comment = _receive(event)
    except Exception as failure:
        log_fault("plain receive", failure)
        status, comment = OUT_OF_RESOURCES, error_comment(failure)
    answer.Status = status
    if comment:
        answer.ErrorComment = comment
    return answer


def _receive(event: Any) -> tuple[int, str]:
    association, request = event.assoc, event.request
    reception = association.provider.receiver.begin(
        association.peer,
        str(request.AffectedSOPClassUID or "").encode("ascii", "replace"),
        str(request.AffectedSOPInstanceUID or "").encode("ascii", "replace"),
        str(event.context.transfer_syntax),
    )
    try:
        with event.dataset_path.open("rb") as file:
            _syntax, data_set_at = read_file_meta(file.read(_MOST_HEAD_BYTES))
            file.seek(data_set_at)
            while piece := file.read(_STEP_BYTES):
                reception.write(piece)
        status, comment = reception.finish()
        return status, comment
    finally:
        reception.abandon()
