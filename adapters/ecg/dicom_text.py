"""Values of a DICOM data set made fit for their representation (PS3.5 6.2)."""

import re
from decimal import Decimal

_FORBIDDEN = re.compile(r"[\\\x00-\x1f\x7f]+")
_NAME_DELIMITERS = re.compile(r"[\^=\\\x00-\x1f\x7f]+")


def decimal_string(value: Decimal) -> str:
    """DS: at most 16 characters; what is longer is rounded to ten significant digits."""
    plain = format(value.normalize() + Decimal(0), "f")
    return plain if len(plain) <= 16 else f"{value:.9E}".replace("E+", "E")


def long_string(text: str) -> str:
    """LO: one line of at most 64 characters, without the backslash that parts values."""
    return _FORBIDDEN.sub(" ", text).strip()[:64].strip()


def short_text(text: str, characters: int = 1024) -> list[str]:
    """ST: as many values of at most 1,024 characters as the text needs."""
    plain = re.sub(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", " ", text).strip()
    return [plain[begin : begin + characters] for begin in range(0, len(plain), characters)]


def person_name(family: str, given: str) -> str:
    """PN: family and given in the first component group, in whatever script the source wrote them."""
    parts = [_NAME_DELIMITERS.sub(" ", part).strip()[:30] for part in (family, given)]
    return "^".join(parts).rstrip("^")
