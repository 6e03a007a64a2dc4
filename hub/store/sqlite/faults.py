"""What SQLite says went wrong, in the hub's categories."""

import sqlite3

from hub.contracts.errors import Busy, ExchangeError, Fault

_FULL = 13
_BUSY = 5
_LOCKED = 6
_INTERRUPT = 9
_NO_SPACE_FOR_SHARED_MEMORY = 4874
"""SQLITE_IOERR_SHMSIZE: the index of the WAL could not grow."""
_DAMAGING = frozenset({10, 11, 26})
"""IOERR, CORRUPT, NOTADB: after these nothing more is acknowledged until the hub is started anew."""
_GROUP_WIDE = _DAMAGING | {_FULL, 7}


def full() -> Busy:
    """HTTP 507."""
    return Busy(
        "The disk is full; nothing was kept.",
        remedy="Free some space; writing goes on by itself then.",
        retry_after_seconds=60,
        http_status=507,
        issue_code="no-store",
    )


def broken() -> Fault:
    return Fault(
        "The disk failed to keep what was written; nothing more is accepted.",
        remedy="Look at the disk and the system log, then start the hub again.",
        issue_code="no-store",
    )


def primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 1) & 0xFF


def is_damaging(error: BaseException) -> bool:
    """Whether the writer must not go on (a failed fsync may have lost what the kernel called written)."""
    return (
        isinstance(error, sqlite3.Error)
        and primary(error) in _DAMAGING
        and getattr(error, "sqlite_errorcode", 0) != _NO_SPACE_FOR_SHARED_MEMORY
    )


def concerns_all(error: BaseException) -> bool:
    """Whether the whole transaction is lost, not one submission of it."""
    return isinstance(error, sqlite3.Error) and primary(error) in _GROUP_WIDE


def explained(error: BaseException) -> ExchangeError:
    """The refusal that a sender is told."""
    if isinstance(error, ExchangeError):
        return error
    if isinstance(error, sqlite3.Error):
        code = primary(error)
        if code == _FULL or getattr(error, "sqlite_errorcode", 0) == _NO_SPACE_FOR_SHARED_MEMORY:
            return full()
        if code in (_BUSY, _LOCKED, _INTERRUPT):
            return Busy("The store is busy; nothing was kept.", remedy="Send it again.")
        if code in _DAMAGING:
            return broken()
    return Fault(
        f"The hub failed to store this ({type(error).__name__}); nothing was kept.",
        remedy="Send it again; tell the operator if it fails again.",
    )
