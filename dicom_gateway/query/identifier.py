"""The identifier of a request (PS3.4 C.2.2.2) in the DICOM JSON Model, text in Unicode whatever the peer writes in."""

from dataclasses import dataclass
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect

from ..character_set import CharacterSet, choose
from ..dicom_json import dicom_json, encode
from ..header import CHARACTER_SET
from ..scan import scan
from ..transfer_syntaxes import TRANSFER_SYNTAXES

Attributes = dict[str, Any]

_TEXTS = (0x00080050, 0x00080080, 0x00080090, 0x00081030, 0x0008103E, 0x00100010, 0x00100020, 0x00200010, 0x00321060)
_WANTED = dict.fromkeys((CHARACTER_SET, *_TEXTS))
_ADDED = ("00080005", "00083002")


@dataclass(frozen=True, slots=True)
class Identifier:
    attributes: Attributes
    characters: CharacterSet

    def text(self, name: str) -> str:
        """The first value of an attribute; "" where there is none."""
        value = next(iter(self.attributes.get(name, {}).get("Value", ())), None)
        return "" if value is None else str(value)


def read_identifier(data: bytes, transfer_syntax: str) -> Identifier:
    """Raises Incorrect for bytes that are no data set."""
    if not data:
        raise Incorrect("The request has no identifier.", remedy="Send one.", issue_code="structure")
    syntax = TRANSFER_SYNTAXES[transfer_syntax]
    values = scan(data, 0, len(data), syntax, _WANTED).values
    characters = choose(values.get(CHARACTER_SET), (values[tag] for tag in _TEXTS if tag in values))
    attributes: Attributes = msgspec.json.decode(encode(dicom_json(data, 0, len(data), syntax, characters)))
    for name in _ADDED:
        attributes.pop(name, None)
    return Identifier(attributes, characters)


def where(name: str) -> str:
    """``(gggg,eeee)`` of a tag of the JSON Model."""
    return f"({name[:4].lower()},{name[4:].lower()})"
