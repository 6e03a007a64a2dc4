"""The seam by which an adapter puts a DICOM object it made into the gateway's archive."""

from typing import Protocol

from .caller import Caller


class InstanceStore(Protocol):
    def store(self, part10: bytes, caller: Caller, *, announced: bool = False) -> None:
        """Keep one DICOM Part 10 file durably, readable by WADO-RS when this returns. The same bytes again are no
        error; other bytes under its SOP Instance UID raise Conflict. ``announced`` says that the sender tells the hub
        of the study itself, so that the study closer makes no ImagingStudy for it. Blocks; call it off the event
        loop."""
        ...
