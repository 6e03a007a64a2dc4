"""Store requests of metadata and bulk data (PS3.18 10.5.2.1.2): DICOM JSON in the first part, the values that its
BulkDataURIs name in the others, by their Content-Location. Each object becomes a Part 10 file, stored like
any other."""

import binascii
import struct
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import msgspec

from hub.contracts.errors import ExchangeError, Incorrect, TooLarge

from ..archive import Archive
from ..data_set_bytes import element, head
from ..file_meta import part10_head
from ..scan import DEEPEST_NESTING, PIXEL_DATA, UNDEFINED
from ..spool import SpoolFile, disk_failure
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from ..uids import is_uid
from .accept import DICOM_JSON, JSON, OCTET_STREAM, content_type_of
from .multipart import part_header

LARGEST_METADATA_BYTES = 64 << 20
_STEP_BYTES = 1 << 20
_CHARACTER_SET, _CLASS, _INSTANCE, _AVAILABLE_SYNTAX = "00080005", "00080016", "00080018", "00083002"
_PIXELS = frozenset(f"{tag:08X}" for tag in PIXEL_DATA)

Attributes = Mapping[str, Any]


@dataclass(slots=True)
class _Bulk:
    """One part in the temporary file. ``syntax`` is "" where it is uncompressed."""

    at: int
    length: int
    syntax: str


class MetadataParts:
    """Takes the parts as they come, in bounded memory, then gives the objects."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._json = bytearray()
        self._bulk: dict[str, list[_Bulk]] = {}
        self._current: _Bulk | None = None
        self._count = 0

    def __enter__(self) -> "MetadataParts":
        self._archive.spool.create().discard()  # the folder is there, and there is room
        self._file = tempfile.TemporaryFile(dir=self._archive.spool.folder)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, event: str, content: bytes) -> None:
        """An event of ``PartReader``. Raises Incorrect (400, 415), TooLarge, Busy."""
        if event == "begin":
            self._begin(content)
        elif event == "data" and self._current is None:
            self._json += content
            if len(self._json) > LARGEST_METADATA_BYTES:
                raise TooLarge("The metadata is larger than is taken here.", remedy="Send fewer instances at a time.")
        elif event == "data" and self._current is not None:
            try:
                self._current.length += self._file.write(content)
            except OSError as failure:
                raise disk_failure(failure) from failure
            if self._file.tell() > self._archive.settings.stow_part_limit_bytes:
                raise TooLarge("The bulk data is larger than is taken here.", remedy="Send fewer instances at a time.")

    def objects(self) -> Iterator[SpoolFile | ExchangeError]:
        """Each object of the metadata as a complete spool file, or what is wrong with it."""
        try:
            objects = msgspec.json.decode(bytes(self._json), type=list[dict[str, Any]])
        except msgspec.DecodeError:
            raise Incorrect(
                "The metadata is no array of DICOM JSON objects.", issue_code="structure", http_status=400,
                remedy="Send the DICOM JSON Model in the first part.",
            ) from None  # fmt: skip
        self._file.flush()
        for attributes in objects:
            file = self._archive.spool.create()
            try:
                self._write(file, attributes)
                yield file
            except ExchangeError as failure:
                file.discard()
                yield failure
            except OSError as failure:
                file.discard()
                yield disk_failure(failure)
            except (KeyError, TypeError, ValueError, AttributeError, struct.error, binascii.Error, RecursionError):
                file.discard()
                yield Incorrect("An attribute of the metadata is malformed.", issue_code="structure")

    def _begin(self, header_block: bytes) -> None:
        self._count += 1
        kind = content_type_of(part_header(header_block, "content-type"))
        media_type = kind.media_type if kind else ""
        if self._count == 1:
            if media_type not in (DICOM_JSON, JSON):
                raise Incorrect(
                    "The first part is no metadata.", where="Content-Type", remedy=f"Send {DICOM_JSON} first.",
                    http_status=400,
                )  # fmt: skip
            return
        syntax = kind.transfer_syntax if kind else None
        self._current = _Bulk(self._file.tell(), 0, _compressed(media_type, syntax))
        self._bulk.setdefault(part_header(header_block, "content-location"), []).append(self._current)

    def _write(self, file: SpoolFile, attributes: Attributes) -> None:
        sop_class, instance = _uid(attributes, _CLASS), _uid(attributes, _INSTANCE)
        pixels = next((name for name in attributes if name.upper() in _PIXELS), "")
        parts = self._of(attributes[pixels]["BulkDataURI"]) if "BulkDataURI" in attributes.get(pixels, {}) else []
        syntax = parts[0].syntax if parts else ""
        file.write(part10_head(sop_class, instance, syntax or EXPLICIT_VR_LITTLE_ENDIAN))
        for name, attribute in sorted({**attributes, _CHARACTER_SET: {"vr": "CS", "Value": ["ISO_IR 192"]}}.items()):
            tag = int(name, 16)
            if tag >> 16 == 0x0002 or name == _AVAILABLE_SYNTAX or len(name) != 8:
                continue
            if name == pixels and syntax:
                self._write_fragments(file, tag, parts)
            elif name == pixels and parts:
                self._write_native(file, tag, attribute.get("vr") or "OW", parts)
            else:
                file.write(self._element(tag, attribute, 0))

    def _element(self, tag: int, attribute: Attributes, depth: int) -> bytes:
        if depth > DEEPEST_NESTING:
            raise ValueError
        if "BulkDataURI" in attribute:
            raw = b"".join(self._read(part) for part in self._of(attribute["BulkDataURI"]))
            raw += b"\0" * (len(raw) % 2)
            return head(tag, attribute["vr"], len(raw), implicit=False) + raw
        if attribute["vr"] != "SQ":
            return element(tag, attribute, implicit=False, encode_text=str.encode)
        items = []
        for item in attribute.get("Value", ()):
            raw = b"".join(self._element(int(name, 16), one, depth + 1) for name, one in sorted(item.items()))
            items.append(struct.pack("<HHL", 0xFFFE, 0xE000, len(raw)) + raw)
        value = b"".join(items)
        return head(tag, "SQ", len(value), implicit=False) + value

    def _write_native(self, file: SpoolFile, tag: int, representation: str, parts: list[_Bulk]) -> None:
        total = sum(part.length for part in parts)
        file.write(head(tag, representation, total + total % 2, implicit=False))
        for part in parts:
            self._copy(file, part)
        if total % 2:
            file.write(b"\0")

    def _write_fragments(self, file: SpoolFile, tag: int, parts: list[_Bulk]) -> None:
        """A part is a frame, and a fragment (PS3.5 A.4)."""
        file.write(head(tag, "OB", UNDEFINED, implicit=False) + b"\xfe\xff\x00\xe0\0\0\0\0")
        for part in parts:
            padding = part.length % 2
            file.write(struct.pack("<HHL", 0xFFFE, 0xE000, part.length + padding))
            self._copy(file, part)
            if padding:
                file.write(b"\0")
        file.write(b"\xfe\xff\xdd\xe0\0\0\0\0")

    def _copy(self, file: SpoolFile, part: _Bulk) -> None:
        for at in range(part.at, part.at + part.length, _STEP_BYTES):
            self._file.seek(at)
            file.write(self._file.read(min(_STEP_BYTES, part.at + part.length - at)))

    def _read(self, part: _Bulk) -> bytes:
        self._file.seek(part.at)
        return self._file.read(part.length)

    def _of(self, uri: str) -> list[_Bulk]:
        parts = self._bulk.get(uri)
        if not parts:
            raise Incorrect(
                "A BulkDataURI names no part of the request.", where="BulkDataURI", issue_code="structure",
                remedy="Send the part, with the URI as its Content-Location.",
            )  # fmt: skip
        return parts


def _compressed(media_type: str, syntax: str | None) -> str:
    """The transfer syntax of a part that is compressed, by its parameter or the default of its media type."""
    if syntax is not None:
        known = TRANSFER_SYNTAXES.get(syntax)
        return syntax if known is None or known.encapsulated else ""
    if media_type in ("", OCTET_STREAM):
        return ""
    return next((uid for uid, one in TRANSFER_SYNTAXES.items() if one.media_type == media_type), media_type)


def _uid(attributes: Attributes, tag: str) -> str:
    values = attributes.get(tag, {}).get("Value") or [""]
    if not is_uid(str(values[0])):
        raise Incorrect(
            "The metadata lacks a UID that names the object.", where=f"({tag[:4]},{tag[4:]})",
            remedy="Send SOP Class and SOP Instance UID.", issue_code="required",
        )  # fmt: skip
    return str(values[0])
