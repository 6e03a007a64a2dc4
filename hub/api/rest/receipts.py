"""The receipt of the doors: ``{"submission", "status", "resources", "person"}``."""

from typing import Any

from fastapi.responses import JSONResponse, Response

from hub.contracts.ingest import Acknowledgement
from hub.contracts.submission import Receipt


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What an acknowledged submission became. Read from the receipt alone: the same key, the same answer for ever."""
    return {
        "submission": receipt.submission,
        "status": "accepted",
        "resources": [outcome.reference for outcome in receipt.outcomes],
        "person": receipt.person,
    }


def answer_of(answer: Receipt | Acknowledgement, status: int) -> Response:
    """A receipt under ``status``, or the channel's own acknowledgement under 200."""
    if isinstance(answer, Acknowledgement):
        return Response(answer.content, 200, media_type=answer.content_type)
    headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
    return JSONResponse(receipt_json(answer), status, headers=headers)
