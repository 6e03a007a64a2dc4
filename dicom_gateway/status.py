"""From the hub's error categories to DIMSE status codes (PS3.4 table B.2-1, PS3.7 annex C) and STOW failure reasons."""

from hub.contracts.errors import (
    Busy,
    Conflict,
    ExchangeError,
    Fault,
    Forbidden,
    Incorrect,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unsupported,
)

SUCCESS = 0x0000
COERCION_OF_DATA_ELEMENTS = 0xB000
"""Warning. Here: the copy with the same pixels and other headers went to quarantine, the first one stays."""
OUT_OF_RESOURCES = 0xA700
DATA_SET_DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0x0110
DUPLICATE_SOP_INSTANCE = 0x0111
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORIZED = 0x0124
INVALID_ATTRIBUTE_VALUE, INVALID_OBJECT_INSTANCE, MISSING_ATTRIBUTE = 0x0106, 0x0117, 0x0120
NO_SUCH_SOP_INSTANCE, NO_SUCH_ACTION, UNRECOGNIZED_OPERATION = 0x0112, 0x0123, 0x0211
"""Of the normalised services (PS3.7 annex C)."""

PENDING = 0xFF00
CANCELLED = 0xFE00
UNABLE_TO_PROCESS = 0xC001
"""Of a query or retrieval (PS3.4 tables C.4-1 to C.4-3)."""

_TABLE: tuple[tuple[type[ExchangeError], int], ...] = (
    (TooLarge, OUT_OF_RESOURCES),
    (Incorrect, DATA_SET_DOES_NOT_MATCH),
    (Unsupported, SOP_CLASS_NOT_SUPPORTED),
    (Unauthenticated, NOT_AUTHORIZED),
    (Forbidden, NOT_AUTHORIZED),
    (Conflict, DUPLICATE_SOP_INSTANCE),
    (NotFound, CANNOT_UNDERSTAND),
    (Busy, OUT_OF_RESOURCES),
    (Fault, OUT_OF_RESOURCES),
)


def dimse_status(error: BaseException) -> int:
    """The status of a C-STORE-RSP. A data set that cannot be read at all (``issue_code`` structure) is C000. What is
    none of our categories is our own failure: the sender keeps the object and may send it again."""
    if isinstance(error, Incorrect) and error.issue_code == "structure":
        return CANNOT_UNDERSTAND
    for category, status in _TABLE:
        if isinstance(error, category):
            return status
    return OUT_OF_RESOURCES


def query_status(error: ExchangeError) -> int:
    """The status of a C-FIND-RSP, C-MOVE-RSP or C-GET-RSP. An identifier that is no data set is C001."""
    if isinstance(error, (Incorrect, Conflict, NotFound)):
        return UNABLE_TO_PROCESS if error.issue_code == "structure" else DATA_SET_DOES_NOT_MATCH
    if isinstance(error, (Forbidden, Unauthenticated)):
        return NOT_AUTHORIZED
    if isinstance(error, Unsupported):
        return SOP_CLASS_NOT_SUPPORTED
    return OUT_OF_RESOURCES if isinstance(error, (Busy, TooLarge)) else UNABLE_TO_PROCESS


def object_status(error: Incorrect) -> int:
    """The status of an N-CREATE-RSP or N-SET-RSP to a request that is wrong (PS3.7 annex C)."""
    if error.issue_code == "required":
        return MISSING_ATTRIBUTE
    return INVALID_OBJECT_INSTANCE if error.where == "(0000,1000)" else INVALID_ATTRIBUTE_VALUE


def error_comment(error: BaseException) -> str:
    """(0000,0902): at most 64 characters of the default repertoire, nothing of a patient."""
    text = error.what if isinstance(error, ExchangeError) else "The gateway failed."
    return text.encode("ascii", "replace").decode("ascii").replace("\\", "/")[:64]
