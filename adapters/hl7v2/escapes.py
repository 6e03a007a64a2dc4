r"""Escape sequences of HL7 v2 text (v2.5.1 chapter 2.7): \F\ \S\ \T\ \R\ \E\ \P\ \Xhh\ \.br\ …

Resolved once, after splitting. What is unknown, local (\Z…\) or unbalanced stays as it was sent.
"""

import re
from functools import lru_cache

_LAYOUT = {".br": "\n", ".ce": "\n", ".fi": "", ".nf": "", "H": "", "N": ""}
_LAYOUT_WITH_NUMBER = re.compile(r"\.(sp|sk|in|ti)([+-]?\d{1,3})?", re.ASCII)
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)", re.ASCII)
_MOST_SIGNS = 100_000
"""Escape signs of one text that are looked at; memory is bounded."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]")


class Escapes:
    """Both directions for one set of delimiters. ``codec`` is the character set of the message, which hexadecimal
    escapes are written in."""

    def __init__(self, delimiters: str, codec: str) -> None:
        field, component, repetition, escape, sub = (delimiters[at] for at in range(5))
        self.character = escape
        self._codec = codec
        self._resolved = {"F": field, "S": component, "T": sub, "R": repetition, "E": escape, "P": "#", **_LAYOUT}
        letters = {field: "F", component: "S", sub: "T", repetition: "R", escape: "E"}
        self._written = {ord(character): f"{escape}{letter}{escape}" for character, letter in letters.items()}
        self._written[ord("\r")] = self._written[ord("\n")] = f"{escape}.br{escape}"

    def resolve(self, raw: str) -> str:
        """Text of one component as it is meant."""
        escape = self.character
        if escape not in raw:
            return raw
        parts = raw.split(escape, _MOST_SIGNS)
        out = [parts[0]]
        at, last = 1, len(parts) - 1
        while at <= last:
            # parts[at] lies after an escape character; it is a sequence only if another one closes it.
            meant = self._meaning(parts[at]) if at < last else None
            if meant is None:
                out += (escape, parts[at])
                at += 1
            else:
                out += (meant, parts[at + 1])
                at += 2
        return "".join(out)

    def write(self, text: str) -> str:
        """Text so that it cannot be mistaken for structure; line ends become line breaks."""
        return text.replace("\r\n", "\n").translate(self._written)

    def _meaning(self, code: str) -> str | None:
        known = self._resolved.get(code)
        if known is not None or not code:
            return known
        if code[0] == ".":
            layout = _LAYOUT_WITH_NUMBER.fullmatch(code)
            if layout is None:
                return None
            kind, number = layout[1], abs(int(layout[2] or 1))
            return {"sp": "\n" * min(number, 20), "sk": " " * min(number, 80)}.get(kind, "")
        hexadecimal = _HEX.fullmatch(code)
        if hexadecimal is None:
            return None
        try:
            text = bytes.fromhex(hexadecimal[1]).decode(self._codec)
        except (UnicodeDecodeError, LookupError):
            return None
        return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=256)
def escapes(delimiters: str, codec: str) -> Escapes:
    """``delimiters``: field, component, repetition, escape and subcomponent sign, in this order."""
    return Escapes(delimiters, codec)
