"""The one place that says who may do what, as other rooms ask it."""

from typing import Protocol

from .caller import Caller, Scope


class Gate(Protocol):
    """Closed by default. Pure: answers from the caller alone."""

    def scope(self, caller: Caller) -> Scope:
        """What the caller may read."""
        ...

    def check_write(self, caller: Caller, resource_type: str, method: str, owner: str | None) -> None:
        """Raises Forbidden unless the caller may do ``method`` (POST, PUT, DELETE) on ``resource_type``; ``owner`` is
        the organization that owns the version to be changed, None on a create."""
        ...

    def check_action(self, caller: Caller, action: str) -> None:
        """Raises Forbidden unless the caller's role may do a named action other than FHIR reads and writes
        (``ingest``, ``cds``, ``cds-feedback``, ``quarantine``, ``dicom-read``, ``dicom-store``, ``operations``…)."""
        ...
