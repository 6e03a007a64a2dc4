"""Bundles of requests taken apart without parsing the resources in them (R4 bundle.html, http.html#transaction)."""

from dataclasses import dataclass

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from hub.contracts.errors import Incorrect, TooLarge
from hub.fhir.bundle_writer import HistoryEntry, ResponseEntry, Tag, history, response_bundle, searchset
from hub.fhir.model import not_json, too_deep
from hub.fhir.struct_compiler import type_of

__all__ = [
    "MOST_ENTRIES",
    "BundleRequest",
    "HistoryEntry",
    "RawEntry",
    "ResponseEntry",
    "Tag",
    "history",
    "response_bundle",
    "searchset",
    "split",
]

MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class RawEntry:
    """One entry of a batch or transaction. ``resource`` is its JSON as sent, empty where there is none."""

    full_url: str | None
    resource: bytes
    method: str
    url: str
    if_match: str | None = None
    if_none_match: str | None = None
    if_none_exist: str | None = None
    if_modified_since: str | None = None


@dataclass(frozen=True, slots=True)
class BundleRequest:
    """``type`` is ``transaction`` or ``batch``. ``identifier`` and the rest of the Bundle are not kept."""

    type: str
    entries: tuple[RawEntry, ...]


class _Request(Struct, rename="camel"):
    method: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    if_match: str | UnsetType = UNSET
    if_none_match: str | UnsetType = UNSET
    if_none_exist: str | UnsetType = UNSET
    if_modified_since: str | UnsetType = UNSET


class _Entry(Struct, rename="camel"):
    full_url: str | UnsetType = UNSET
    resource: Raw = Raw()
    request: _Request | UnsetType = UNSET


class _Bundle(Struct):
    type: str | UnsetType = UNSET
    entry: list[_Entry] | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Bundle).decode
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def split(raw: bytes, *, most_entries: int = MOST_ENTRIES) -> BundleRequest:
    """The entries of a batch or transaction Bundle; the resources inside are not looked at. Raises Incorrect (400) with
    the place, as in ``Bundle.entry[3].request.url``, or TooLarge."""
    try:
        if type_of(raw) != "Bundle":
            raise _wrong("resourceType", "must be Bundle here", "structure")
        bundle = _decode(raw)
    except msgspec.ValidationError as error:
        raise _wrong(_path(error), "does not have the structure of a Bundle", "structure") from None
    except msgspec.DecodeError as error:
        raise not_json(error, raw) from None
    except UnicodeDecodeError as error:
        raise not_json(error, raw) from None
    except RecursionError:
        raise too_deep() from None
    if bundle.type not in {"transaction", "batch"}:
        raise _wrong("type", "must be transaction or batch here", "value")
    entries = [] if bundle.entry is UNSET else bundle.entry
    if len(entries) > most_entries:
        raise TooLarge(
            f"The Bundle has more than {most_entries} entries.",
            where="Bundle.entry",
            remedy="Send it as several Bundles.",
        )
    return BundleRequest(str(bundle.type), tuple(_entry(entry, index) for index, entry in enumerate(entries)))


def _entry(entry: _Entry, index: int) -> RawEntry:
    place = f"entry[{index}]"
    request = entry.request
    if request is UNSET:
        raise _wrong(f"{place}.request", "is required in a batch or transaction", "required")
    if request.method is UNSET or request.method not in _METHODS:
        raise _wrong(f"{place}.request.method", "must be GET, HEAD, POST, PUT, PATCH or DELETE", "required")
    if request.url is UNSET or not request.url:
        raise _wrong(f"{place}.request.url", "is required", "required")
    resource = bytes(entry.resource)
    if request.method in {"POST", "PUT"} and not resource.startswith(b"{"):
        raise _wrong(f"{place}.resource", f"is required with {request.method}", "required")
    return RawEntry(
        _text(entry.full_url),
        resource,
        str(request.method),
        str(request.url),
        _text(request.if_match),
        _text(request.if_none_match),
        _text(request.if_none_exist),
        _text(request.if_modified_since),
    )


def _text(value: str | UnsetType) -> str | None:
    return None if value is UNSET else str(value)


def _path(error: msgspec.ValidationError) -> str:
    return str(error).rpartition("`$")[2].removesuffix("`").lstrip(".") if "`$" in str(error) else ""


def _wrong(path: str, sentence: str, code: str) -> Incorrect:
    where = f"Bundle.{path}" if path else "Bundle"
    return Incorrect(
        f"{where} {sentence}.",
        where=where,
        remedy="Correct the Bundle and send all of it again.",
        issue_code=code,
        http_status=400,
    )
