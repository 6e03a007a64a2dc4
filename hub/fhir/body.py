"""Edits of resource JSON as bytes (R4 json.html, resource.html#metadata): what is not changed keeps every digit."""

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from hub.fhir.model import not_json, not_utf8, too_deep

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
# Two patterns, so that the usual body, which has URNs or nothing to rewrite, is passed over quickly.
_URN_VALUE = re.compile(rb'":"(urn:[^"\\]*+)"')
_TEXT_VALUE = re.compile(rb'":"([^"\\]*+(?:\\.[^"\\]*+)*+)"')
_REFERENCE_NAMES = (b'"reference', b'"url', b'"uri', b'"valueUri', b'"valueUrl')
_SIGNS_OF_OTHERS = (b"?", b'"reference":"http', b'rl":"http', b'ri":"http')


def minify(raw: bytes) -> bytes:
    """The same JSON without white space between its parts; numbers and strings stay as written. Raises Incorrect (400)
    where it is not JSON in UTF-8."""
    try:
        if not raw.isascii():
            raw.decode()
        return msgspec.json.format(raw, indent=-1)
    except msgspec.DecodeError as error:
        raise not_json(error, raw) from None
    except UnicodeDecodeError:
        raise not_utf8() from None
    except RecursionError:
        raise too_deep() from None


def with_identity(compact: bytes, resource_type: str, id: str, version: int, last_updated: str) -> bytes:
    """The resource with its id, ``meta.versionId`` and ``meta.lastUpdated`` set. The sender's other meta fields stay;
    everything else stays byte for byte."""
    members = _members(compact)
    members.pop("resourceType", None)
    members.pop("id", None)
    meta = members.pop("meta", None)
    kept = b""
    if meta is not None:
        for name, value in _members(bytes(meta)).items():
            if name not in {"versionId", "lastUpdated"}:
                kept += b"," + _encode(name) + b":" + bytes(value)
    head = b'{"resourceType":"%b","id":"%b","meta":{"versionId":"%d","lastUpdated":"%b"%b}' % (
        resource_type.encode(),
        id.encode(),
        version,
        last_updated.encode(),
        kept,
    )
    parts: list[bytes | msgspec.Raw] = [head]
    for name, value in members.items():
        parts += (_named(name), value)
    parts.append(b"}")
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _named(name: str) -> bytes:
    return b"," + _encode(name) + b":"


def _members(compact: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _decode_object(compact)
    except msgspec.DecodeError as error:
        raise not_json(error, compact) from None
    except UnicodeDecodeError:
        raise not_utf8() from None


def rewrite_references(compact: bytes, mapping: Mapping[str, str]) -> bytes:
    """The resource with references to ``mapping``'s keys (``urn:uuid:…``, a fullUrl) replaced by its values
    (``Patient/1``), in ``reference``, ``url`` and ``uri`` positions (R4 http.html#trules). Other bytes stay.
    ``compact`` is minified; keys are urn: or http(s): URIs or conditional references (``Patient?identifier=1``)."""
    if not mapping:
        return compact

    def replace(match: re.Match[bytes]) -> bytes:
        text = match[1]
        target = mapping.get(text.decode() if b"\\" not in text else msgspec.json.decode(b'"' + text + b'"'))
        if target is None or not compact.endswith(_REFERENCE_NAMES, 0, match.start()):
            return match[0]
        return b'":' + _encode(target)

    rewritten = _URN_VALUE.sub(replace, compact)
    if not any(sign in rewritten for sign in _SIGNS_OF_OTHERS):
        return rewritten
    compact = rewritten
    return _TEXT_VALUE.sub(replace, rewritten)
