"""The seam to links that a browser opens without a credential of its own."""

from typing import Protocol

from .caller import Caller


class ViewLinks(Protocol):
    def link(self, caller: Caller, reference: str) -> str:
        """Path and query of a page that shows this one resource (``Type/id``) as ``caller`` may read it, for some
        minutes. Nothing of the resource, its patient or the caller can be read from it."""
        ...
