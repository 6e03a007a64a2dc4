"""Samples of HL7 v2 and what they must become. Run as a program, this writes the expectations anew."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from adapters.hl7v2.message import is_batch, parse, split_batch
from adapters.hl7v2.translate import submission_of
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import ExchangeError
from hub.contracts.submission import Submission

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "hl7v2"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "ehr"
CLINIC = Caller("qingshan", Role.CLINIC, "qingshan")
RECEIVED = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def submission(content: bytes, caller: Caller = CLINIC) -> Submission:
    return submission_of(content, parse(content), caller, RECEIVED)


def expected(content: bytes) -> bytes:
    """What a message becomes, as JSON for the eye; numbers stand as they are sent."""
    messages = split_batch(content) if is_batch(content) else [content]
    return msgspec.json.format(msgspec.json.encode([_outcome(one) for one in messages]), indent=1) + b"\n"


def _outcome(content: bytes) -> dict[str, Any]:
    message = parse(content)
    try:
        found = submission_of(content, message, CLINIC, RECEIVED)
    except ExchangeError as error:
        return {"refused": error.what, "where": error.where, "code": getattr(error, "code", None)}
    return {
        "charset": message.codec,
        "key": found.origin.key,
        "actor": found.origin.caller.actor,
        "entries": [
            {
                "method": entry.method.value,
                "type": entry.type,
                "condition": entry.condition,
                "fullUrl": entry.full_url,
                "resource": msgspec.Raw(entry.body),
            }
            for entry in found.entries
        ],
    }


def messages_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.hl7"))


if __name__ == "__main__":
    for path in messages_in(SAMPLES):
        path.with_suffix(".json").write_bytes(expected(path.read_bytes()))
