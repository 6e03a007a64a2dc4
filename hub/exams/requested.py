"""What a ServiceRequest asks for, in three words, for rooms that only need to send it to the right machine."""

from collections.abc import Callable
from typing import Any

from .code_maps.current import local_codes
from .rows.exam_rows import request_understood


def requested(resource: Any, owner: str, rows: Callable[..., list[tuple[Any, ...]]]) -> tuple[str, str, str]:
    """(kind, modality, contrast) in the words of the tables, read with its owner's code map; empty strings where it is
    not understood."""
    exam = request_understood(resource, local_codes(rows, owner)).examination
    if exam is None:
        return "", "", ""
    return exam.kind.value, exam.modality, exam.contrast.value if exam.contrast else ""
