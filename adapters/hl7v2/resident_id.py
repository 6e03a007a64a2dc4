"""Resident identity numbers: 18 characters, GB 11643-1999 with the check character of ISO 7064 MOD 11-2."""

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import is_number as is_valid

TYPES = frozenset(("NI", "NNCHN", "NNCN"))
"""PID-3.5 codes that say so; any of them with another country's authority would not come from a clinic here."""


def as_sent(value: str) -> str:
    """A number typed as resident ID: blanks out and the check character in capitals, nothing else is changed."""
    return value.replace(" ", "").upper()


__all__ = ["RESIDENT_ID", "TYPES", "as_sent", "is_valid"]
