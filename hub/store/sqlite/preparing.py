"""What is done with a submission before any lock is taken: minify, resolve, decode, extract, compress.

Conditions are looked up in a snapshot first, and what they decide (which id an entry gets, what ``urn:uuid`` and
conditional references become) is prepared as if that held. The commit asks again; where the answer differs, the
submission is rendered once more with the true one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from hub.contracts.errors import ExchangeError, Incorrect, Precondition
from hub.contracts.store import Reaction
from hub.contracts.submission import Entry, Method
from hub.fhir import body as fhir_body
from hub.fhir import search_params
from hub.fhir.extract import IndexRows, extract
from hub.fhir.model import RESOURCE_TYPES, decode

from . import bodies, facts
from .conditions import CONDITIONAL_REFERENCE, read_condition, several
from .identifiers import new_ids
from .prepared import Condition, Content, Item, Need, Prepared, placed
from .schema import TYPE_NUMBERS

_URN = b"urn:uuid:"
_URN_REFERENCE = b'"reference":"urn:uuid:'

Resolve = Callable[[Sequence[Condition]], Sequence[tuple[str, ...]]]
"""For each condition the ids of the resources that meet it, at most two."""


class Preparer:
    """Pure but for the ids it gives and what ``resolve`` looks up."""

    def __init__(self, reactions: Sequence[Reaction]) -> None:
        self._derive: dict[str, list[Reaction]] = {}
        self._reactions = reactions

    def prepare(self, prepared: Prepared, resolve: Resolve) -> None:
        """Fill in ids, answers and items. Raises ExchangeError."""
        entries = prepared.submission.entries
        prepared.new_ids = new_ids(len(entries))
        compacts = [fhir_body.minify(entry.body) if entry.body else b"" for entry in entries]
        for need in self._needs(prepared, compacts):
            prepared.conditions[need] = read_condition(need)
        if prepared.conditions:
            answers = resolve(list(prepared.conditions.values()))
            prepared.answers.update(zip(prepared.conditions, answers, strict=True))
        prepared.items = self.render(prepared, compacts)

    def render(self, prepared: Prepared, compacts: Sequence[bytes] | None = None) -> list[Item]:
        """The items, given ``prepared.answers``."""
        entries = prepared.submission.entries
        if compacts is None:
            compacts = [fhir_body.minify(entry.body) if entry.body else b"" for entry in entries]
        items = self._items(prepared)
        mapping = _full_urls(items)
        quick = _quick(mapping)
        waiting: list[int] = []
        for item in items:
            if item.entry.method is Method.DELETE:
                continue
            if b"?" in compacts[item.number] and CONDITIONAL_REFERENCE.search(compacts[item.number]):
                waiting.append(item.number)
            else:
                self._fill(item, _resolved(compacts[item.number], mapping, quick), len(entries))
        for number in waiting:
            found = self._conditional_references(prepared, items, number, compacts[number])
            resolved = _resolved(compacts[number], {**mapping, **found}, None)
            self._fill(items[number], resolved, len(entries))
        contents = [item.content for item in items if item.content is not None]
        for content, packed in zip(contents, bodies.pack_all([one.tail for one in contents]), strict=True):
            content.packed = packed
        return items

    def content(self, resource_type: str, compact: bytes, resource_id: str, patient: str | None = None) -> Content:
        """Validate, extract and compress one resource. ``patient`` is its Patient where it names none itself."""
        content = self._content(decode(compact, resource_type), resource_type, compact, resource_id, patient)
        content.packed = bodies.pack(content.tail)
        return content

    def _content(
        self, resource: Any, resource_type: str, compact: bytes, resource_id: str, patient: str | None = None
    ) -> Content:
        rows = extract(resource_type, resource, resource_id)
        tail = bodies.tail(compact, resource_type, resource)
        keys = facts.keys_of(rows)
        return Content(
            tail,
            bodies.digest(tail),
            keys,
            facts.pack_keys(keys),
            rows.references,
            rows.patient or patient or _named_patient(resource_type, rows),
            facts.sort_date_of(rows),
            resource,
            self._derived(resource_type, resource),
        )

    def _derived(self, resource_type: str, resource: Any) -> Mapping[str, Any]:
        wanted = self._derive.get(resource_type)
        if wanted is None:
            wanted = [
                one
                for one in self._reactions
                if one.derive is not None and (one.types is None or resource_type in one.types)
            ]
            self._derive[resource_type] = wanted
        return {one.room: one.derive(resource_type, resource) for one in wanted if one.derive is not None}

    def _needs(self, prepared: Prepared, compacts: Sequence[bytes]) -> dict[Need, None]:
        needs: dict[Need, None] = {}
        for number, entry in enumerate(prepared.submission.entries):
            owner = prepared.owners[number]
            if entry.condition is not None:
                needs[Need(entry.type, entry.condition, owner)] = None
            if b"?" in compacts[number]:
                for kind, text in CONDITIONAL_REFERENCE.findall(compacts[number]):
                    if kind.decode() in RESOURCE_TYPES:
                        needs[_reference_need(prepared, number, kind, text)] = None
        return needs

    def _items(self, prepared: Prepared) -> list[Item]:
        entries, items = prepared.submission.entries, []
        first: dict[Need, int] = {}
        for number, entry in enumerate(entries):
            item = Item(number, entry, TYPE_NUMBERS.get(entry.type, 0), prepared.owners[number], entry.id)
            try:
                if not item.type_number:
                    raise Incorrect("There is no such resource type.", issue_code="structure", http_status=400)
                item.if_match = _if_match(entry)
                if entry.condition is not None:
                    self._conditional(prepared, item, Need(entry.type, entry.condition, item.owner), first)
                elif entry.method is Method.CREATE:
                    item.id = prepared.new_ids[number]
                elif entry.id is None:
                    raise Incorrect(f"A {entry.method.value} needs an id or a condition.", http_status=400)
            except ExchangeError as error:
                raise placed(error, number, len(entries)) from None
            items.append(item)
        return items

    def _conditional(self, prepared: Prepared, item: Item, need: Need, first: dict[Need, int]) -> None:
        found = prepared.answers[need]
        if len(found) > 1:
            raise several("The condition", item.entry.type)
        item.found = found[0] if found else None
        token = prepared.conditions[need].token
        if not found and token is not None and token[2] is not None:
            item.claim = (token[0], token[1], token[2])
        match item.entry.method:
            case Method.CREATE:
                earlier = first.setdefault(need, item.number)
                item.same_as = earlier if earlier != item.number and not found else None
                item.id = item.found or prepared.new_ids[earlier]
            case Method.UPDATE:
                if item.found and item.entry.id not in (None, item.found):
                    raise Incorrect(
                        "The condition finds a resource with another id than the body states.",
                        where=f"{item.entry.type}.id",
                        remedy="Leave the id out, or send the one of the resource that is there.",
                        http_status=400,
                    )
                item.id = item.found or item.entry.id or prepared.new_ids[item.number]
            case _:
                item.id = item.found

    def _fill(self, item: Item, compact: bytes, total: int) -> None:
        entry = item.entry
        try:
            resource = decode(compact, entry.type)
            if entry.method is Method.UPDATE and not (resource.id is UNSET and entry.condition):
                _check_id(entry, resource, item.id)
            if item.same_as is None and not (entry.method is Method.CREATE and item.found):
                item.content = self._content(resource, entry.type, compact, item.id or "")
        except ExchangeError as error:
            raise placed(error, item.number, total) from None

    def _conditional_references(
        self, prepared: Prepared, items: Sequence[Item], number: int, compact: bytes
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for kind, text in CONDITIONAL_REFERENCE.findall(compact):
            resource_type = kind.decode()
            if resource_type not in RESOURCE_TYPES:
                continue
            need = _reference_need(prepared, number, kind, text)
            ids = dict.fromkeys(prepared.answers[need])
            ids.update(dict.fromkeys(_inside(prepared.conditions[need], items)))
            if len(ids) != 1:
                path = _path_of(compact, f"{resource_type}?{text.decode()}")
                where = f"{items[number].entry.type}{path}"
                if ids:
                    raise placed(several("The conditional reference", where), number, len(items))
                missing = Precondition(
                    "The conditional reference matches no resource.",
                    where=where,
                    remedy="Send the resource first, or in the same transaction, and refer to it by its identifier.",
                    issue_code="not-found",
                )
                raise placed(missing, number, len(items))
            found[f"{resource_type}?{text.decode()}"] = f"{resource_type}/{next(iter(ids))}"
        return found


def _named_patient(resource_type: str, rows: IndexRows) -> str | None:
    """The Patient of a resource whose type is in no compartment but has a ``patient`` parameter, such as Task."""
    param = search_params.find(resource_type, "patient")
    if param is None or search_params.compartment_params(resource_type):
        return None
    named = {
        text for parameter, text in rows.references if parameter == param.stored_as and text.startswith("Patient/")
    }
    return named.pop() if len(named) == 1 else None


def _reference_need(prepared: Prepared, number: int, kind: bytes, text: bytes) -> Need:
    return Need(kind.decode(), text.decode(), prepared.owners[number], readable=True)


def _inside(condition: Condition, items: Sequence[Item]) -> list[str]:
    """Resources that the submission itself writes and that meet the condition."""
    if condition.token is None:
        return []
    parameter, code, system = condition.token
    return [
        item.id
        for item in items
        if item.content is not None
        and item.id is not None
        and item.entry.type == condition.need.type
        and any(p == parameter and h == code and system in (None, s) for p, h, s in item.content.keys.tokens)
    ]


def _resolved(compact: bytes, mapping: Mapping[str, str], quick: Mapping[bytes, bytes] | None) -> bytes:
    """With the references in ``mapping`` replaced. ``quick``: the same as bytes, where it holds ``urn:uuid:…`` alone;
    where those stand in plain references only, it is enough to cut there."""
    if not mapping:
        return compact
    if quick is None:
        return fhir_body.rewrite_references(compact, mapping)
    pieces = compact.split(_URN_REFERENCE)
    if len(pieces) - 1 != compact.count(_URN):
        return fhir_body.rewrite_references(compact, mapping)
    for number in range(1, len(pieces)):
        piece = pieces[number]
        end = piece.find(b'"')
        target = quick.get(piece[:end])
        if target is None:
            pieces[number] = _URN_REFERENCE + piece
        else:
            pieces[number] = target + piece[end:]
    return b"".join(pieces)


def _quick(mapping: Mapping[str, str]) -> dict[bytes, bytes] | None:
    if not all(url.startswith("urn:uuid:") for url in mapping):
        return None
    return {url[9:].encode(): f'"reference":"{target}'.encode() for url, target in mapping.items()}


def _full_urls(items: Sequence[Item]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for item in items:
        url = item.entry.full_url
        if url is None or item.entry.method is Method.DELETE:
            continue
        target = f"{item.entry.type}/{item.id}"
        if mapping.setdefault(url, target) != target:
            raise Incorrect(
                "Two entries have the same fullUrl.",
                where=f"Bundle.entry[{item.number}].fullUrl",
                remedy="Give each entry a fullUrl of its own.",
                http_status=400,
            )
    return mapping


def _check_id(entry: Entry, resource: Any, expected: str | None) -> None:
    if resource.id != expected:
        raise Incorrect(
            "The id in the body is not the id of the request.",
            where=f"{entry.type}.id",
            remedy="Send the resource with the id that the request names.",
            http_status=400,
        )


def _if_match(entry: Entry) -> int | None:
    """The version of ``W/"3"``; -1 for an ETag that no version of ours has."""
    if entry.if_match is None:
        return None
    text = entry.if_match.strip().removeprefix("W/").strip('"')
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else -1


def _path_of(compact: bytes, reference: str) -> str:
    """``.subject`` for where a reference stands; empty where it cannot be told."""

    def walk(node: Any, path: str) -> str | None:
        if isinstance(node, dict):
            if node.get("reference") == reference:
                return path
            return next((at for name, value in node.items() if (at := walk(value, f"{path}.{name}"))), None)
        if isinstance(node, list):
            return next((at for n, value in enumerate(node) if (at := walk(value, f"{path}[{n}]"))), None)
        return None

    return walk(msgspec.json.decode(compact), "") or ""
