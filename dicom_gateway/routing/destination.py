"""A destination as the forwarder speaks to it, whatever it takes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from hub.contracts.errors import ExchangeError

from ..study_index.instance_row import InstanceRow

Send = Callable[[InstanceRow, int], None]
"""One object with its rank of priority. Raises Refused where this one is not taken, Busy where the destination is of
no more use now."""


class Refused(ExchangeError):
    """The destination answered, and does not take this object."""


class Line(Protocol):
    def open(self, rows: Sequence[InstanceRow]) -> AbstractContextManager[Send]:
        """Ready to send these. Raises Busy where it cannot be reached."""
        ...

    def ask_commitment(self, transaction_uid: str, rows: Sequence[InstanceRow]) -> None:
        """Ask it to commit to keep these. Raises Busy, Refused."""
        ...
