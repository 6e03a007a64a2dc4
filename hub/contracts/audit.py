"""The seam to the audit trail for reads; writes are audited by a consequence in their own commit."""

from collections.abc import Sequence
from typing import Protocol

from .caller import Caller

AUDITED_WITHIN_SECONDS = 0.2
"""After its answer a read stands in the trail, unless the machine is overwhelmed."""


class ReadAudit(Protocol):
    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Sequence[str]) -> None:
        """Record that ``caller`` was shown data of these Patients (ids). Returns at once; on disk at most 200 ms later.
        ``interaction`` is a FHIR restful-interaction code (read, vread, search-type, history-instance) or ``wado``,
        ``qido``, ``c-find``, ``c-move``, ``c-get``, ``worklist``, ``cds``, ``delivery``."""
        ...
