"""A clinic's code map as a CSV file, and single lines added to it: both make its ConceptMap.

Columns: ``means`` and ``code`` or ``name`` (or both); optionally ``system`` and the attributes of ``concept_map``.
``means`` is a usual name (胸部CT平扫) or a public code (``LOINC|2345-7``, ``SNOMED|…``, ``NATIONAL|…``); it may be
empty where attributes say enough. An import replaces the clinic's list; an empty file clears it.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect, NotFound
from hub.contracts.store import CommitView

from .concept_map import ATTRIBUTES, PREFIXES, concept_map, mapped

COLUMNS = ("system", "code", "name", "means", *ATTRIBUTES)
_LONGEST = 500


def list_id(organization: str) -> str:
    """The id of the ConceptMap that holds an organization's list."""
    return f"exam-codes-{hashlib.sha256(organization.encode()).hexdigest()[:16]}"


def _line(row: Mapping[str, Any], where: str) -> dict[str, str]:
    unknown = sorted(str(name) for name in row if name not in COLUMNS)
    if unknown:
        raise Incorrect(
            f"{where}: unknown column {unknown[0]!r}.", where=unknown[0], remedy=f"Use {','.join(COLUMNS)}."
        )
    line: dict[str, str] = {}
    for name, value in row.items():
        if value is not None and not isinstance(value, str):
            raise Incorrect(f"{where}: {name} is no text.", where=name, remedy="Write every value as text.")
        if value and len(value) > _LONGEST:
            raise Incorrect(f"{where}: {name} is too long.", where=name, remedy=f"At most {_LONGEST} characters.")
        if value and value.strip():
            line[name] = value.strip()
    if not line.get("code") and not line.get("name"):
        raise Incorrect(f"{where}: neither code nor name.", where="code", remedy="Give the clinic's code or its name.")
    if not any(line.get(name) for name in ("means", *ATTRIBUTES)):
        raise Incorrect(f"{where}: nothing is said of what it means.", where="means", remedy="Give a usual name.")
    if not list(mapped(concept_map("line", "", [line]), where)):  # raises too, where a word is unknown
        raise Incorrect(f"{where}: the public code is not known here.", where="means", remedy="Give a usual name.")
    return line


def read_codes(content: str) -> tuple[dict[str, str], ...]:
    """The lines of a CSV file. Raises Incorrect naming line and column."""
    if not content.strip():
        return ()
    reader = csv.DictReader(io.StringIO(content.lstrip("\ufeff")), strict=True)
    try:
        return tuple(_line(_whole(row, at), f"Line {at}") for at, row in enumerate(reader, 2))
    except csv.Error as error:
        raise Incorrect(f"This is no CSV file ({error}).", where="file", remedy="Save it as CSV in UTF-8.") from None


def _whole(row: dict[Any, Any], at: int) -> dict[str, Any]:
    if None in row:
        raise Incorrect(f"Line {at} has more cells than the header.", where="file", remedy="Quote cells with commas.")
    return row


def read_line(content: bytes) -> dict[str, str]:
    """One line as a JSON object. Raises Incorrect."""
    try:
        row = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        row = None
    if not isinstance(row, dict):
        raise Incorrect("The body is no JSON object.", where="body", remedy=f"Send {', '.join(COLUMNS)} as text.")
    return _line(row, "The line")


def store_codes(view: CommitView, organization: str, lines: Sequence[Mapping[str, str]]) -> int:
    """Put these lines in the place of an organization's list, inside a commit; returns how many there are."""
    if view.read("Organization", organization) is None:
        raise NotFound(
            "There is no such Organization.", where="organization", remedy="Register its client first (hub client add)."
        )
    view.put("ConceptMap", concept_map(list_id(organization), organization, lines), owner=organization,
             id=list_id(organization))  # fmt: skip
    return len(lines)


def add_line(view: CommitView, organization: str, line: Mapping[str, str]) -> int:
    """Add one line to the list; it takes the place of one for the same system and code, or the same name."""
    stored = view.read("ConceptMap", list_id(organization))
    lines = lines_of(msgspec.json.decode(stored.body)) if stored is not None else []
    key = _key(line)
    return store_codes(view, organization, [*(one for one in lines if _key(one) != key), line])


def _key(line: Mapping[str, str]) -> tuple[str, str, str]:
    return line.get("system", ""), line.get("code", ""), "" if line.get("code") else line.get("name", "")


def lines_of(resource: Any) -> list[dict[str, str]]:
    """The lines that ``concept_map`` was made of."""
    prefixes = {uri: prefix for prefix, uri in PREFIXES.items()}
    found: list[dict[str, str]] = []
    for group in resource.get("group", ()):
        for element in group.get("element", ()):
            line = {"system": group.get("source", "")}
            line |= {"code": element.get("code", ""), "name": element.get("display", "")}
            for target in element.get("target", ())[:1]:
                prefix = prefixes.get(group.get("target", ""))
                line["means"] = f"{prefix}|{target.get('code', '')}" if prefix else target.get("display", "")
                for product in target.get("product", ()):
                    name = product["property"].rpartition("#")[2]
                    line[name] = ";".join(filter(None, (line.get(name, ""), product["value"])))
            found.append({name: value for name, value in line.items() if value})
    return found
