"""One JSON object a line on standard error, each written by one system call, so that processes do not mix theirs."""

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

_encode = msgspec.json.Encoder().encode

QUIET_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_threshold = 20
_FREELY_SPOKEN = ("uvicorn", "asyncio")
"""Libraries that never see a body: the template of their message (without its arguments) may be shown."""


def write(level: str, event: str, fields: Mapping[str, object]) -> None:
    """Write one log line; below the threshold, or with standard error gone, nothing happens."""
    if QUIET_LEVELS.get(level, 40) < _threshold:
        return
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = _encode({"time": now, "level": level, "event": event, "pid": os.getpid(), **fields}) + b"\n"
    try:
        sys.stderr.flush()
        os.write(sys.stderr.fileno(), line)
    except (OSError, ValueError, AttributeError):
        # A closed pipe must not stop the hub; a replaced stderr (tests) has no descriptor.
        try:
            sys.stderr.write(line.decode())
        except (OSError, ValueError, AttributeError):
            return


class ForeignRecords(logging.Handler):
    """Log records of libraries. Their texts may quote what they parse, so a line says who spoke, how loudly and
    where in its code, and nothing that it said (but see ``_FREELY_SPOKEN``)."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {"logger": record.name, "at": f"{record.module}:{record.lineno}"}
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = record.exc_info[0].__name__
        if record.name.partition(".")[0] in _FREELY_SPOKEN:
            fields["template"] = str(record.msg)[:300]
        write(record.levelname.lower(), "library", fields)


def configure(level: str = "info") -> None:
    """Set the threshold and take over the records of the standard library's ``logging``. Call once a process."""
    global _threshold
    _threshold = QUIET_LEVELS[level]
    logging.basicConfig(handlers=[ForeignRecords()], level=max(_threshold, logging.WARNING), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
