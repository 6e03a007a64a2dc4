"""DICOM unique identifiers (PS3.5 clause 9).

A UID from outside is data: it is checked here and never becomes a file name.
"""

import re

from hub.contracts.errors import Incorrect

_UID = re.compile(rb"[0-9]+(?:\.[0-9]+)*\Z")
LONGEST_CHARACTERS = 64

VERIFICATION = "1.2.840.10008.1.1"


def parse(raw: bytes, where: str) -> str:
    """The UID in a UI value, without its padding. Components with leading zeros are let pass: devices in the field send
    them and they are still unique. Raises Incorrect for anything that is no UID."""
    text = raw.rstrip(b"\0 ")
    if len(text) > LONGEST_CHARACTERS or not _UID.match(text):
        raise Incorrect(
            "This is not a DICOM UID.", where=where, remedy="Send at most 64 characters of digits and single dots."
        )
    return text.decode("ascii")


def is_uid(text: str) -> bool:
    return len(text) <= LONGEST_CHARACTERS and text.isascii() and _UID.match(text.encode("ascii")) is not None
