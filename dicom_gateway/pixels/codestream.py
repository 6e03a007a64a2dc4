"""What a compressed frame says of its own size (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2, 15444-1 A.5.1): looked at before
a decoder reserves memory for it."""

import struct

_JPEG, _JPEG_2000, _BOXED = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""SOF markers; F7 is that of JPEG-LS."""
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def size_of(codestream: bytes) -> tuple[int, int, int] | None:
    """(columns, rows, components) by the stream's own header; None where there is none that could be read."""
    try:
        if codestream.startswith(_JPEG):
            return _jpeg(codestream)
        at = 0
        if codestream.startswith(_BOXED):
            at = codestream.find(_JPEG_2000)
        if at >= 0 and codestream[at : at + 4] == _JPEG_2000:
            return _jpeg_2000(codestream, at)
    except (struct.error, IndexError):
        pass
    return None


def _jpeg(codestream: bytes) -> tuple[int, int, int] | None:
    at = 2
    while at + 4 <= len(codestream):
        if codestream[at] != 0xFF:
            return None
        marker = codestream[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _FRAME_HEADERS:
            _precision, rows, columns, components = struct.unpack_from(">BHHB", codestream, at + 4)
            return columns, rows, components
        else:
            at += 2 + struct.unpack_from(">H", codestream, at + 2)[0]
    return None


def _jpeg_2000(codestream: bytes, at: int) -> tuple[int, int, int]:
    right, bottom, left, top = struct.unpack_from(">4L", codestream, at + 8)
    (components,) = struct.unpack_from(">H", codestream, at + 40)
    return right - left, bottom - top, components
