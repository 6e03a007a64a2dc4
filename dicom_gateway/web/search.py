"""QIDO-RS: search for studies, series and instances (PS3.18 10.6)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Scope
from hub.contracts.errors import Incorrect, TooLarge

from .. import uids
from ..archive import Archive
from ..distant.whereabouts import Whereabouts
from ..query.matching import matches as matches_keys
from ..study_index.keys import Level
from ..study_index.level_json import instance_attributes, of_values
from ..study_index.match import Condition, malformed
from ..study_index.search import Match, Query, representatives, search
from .accept import json_type
from .asgi import Answer, Headers, Request
from .query_request import MOST_INCLUDED, SearchRequest, search_request

Attributes = dict[str, Any]

_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TURN = 200
MOST_EXAMINED = 10_000
"""Objects read for one search by attributes that no index answers."""
_STUDY_GROUPS = ("0008", "0010", "0020", "0032", "0040")
_INSTANCE_ONLY = frozenset({"00080016", "00080018", "00200013", "00083002"})


async def search_level(
    level: Level, within: Sequence[tuple[Level, Condition]], request: Request, archive: Archive, scope: Scope,
    audit: ReadAudit,
) -> Answer:  # fmt: skip
    """``within`` are the UIDs of the path as conditions."""
    content_type = json_type(request.accept)
    asked = search_request(level, [pair for pair in request.query if pair[0] != "accept"])
    query = Query(level, [*within, *asked.conditions], asked.most + 1, asked.offset)
    if not asked.most:
        matches = []
    elif asked.beyond:
        matches = await asyncio.to_thread(_matching, query, asked, archive, scope)
    elif query.scans:
        matches = await asyncio.to_thread(search, archive.index, query, scope)
    else:
        matches = search(archive.index, query, scope)
    more = len(matches) > asked.most and asked.most != asked.limit
    matches = matches[: asked.most]
    extra = await asyncio.to_thread(_descriptions, level, matches, archive) if asked.extended and matches else {}
    audit.note(request.caller, "qido", "ImagingStudy", sorted({match.patient for match in matches if match.patient}))
    headers = _warnings(asked, request, more=more)
    if not matches:
        return Answer(204, headers=headers)
    named = {one for one, _condition in within}
    whereabouts = Whereabouts(archive.index.distant_archives, archive.distant.directory)
    body = bytearray(b"[")
    for number, match in enumerate(matches):
        if number % _TURN == _TURN - 1:
            await asyncio.sleep(0)  # let other requests have their turn
        attributes = _attributes(
            level, match, request.root, with_study="study" not in named, with_series="series" not in named
        )
        attributes.update(_where(match, whereabouts, archive))
        _include(attributes, asked, level, extra.get(_id(level, match)))
        if len(body) > 1:
            body += b","
        body += msgspec.json.encode(dict(sorted(attributes.items())))
    body += b"]"
    return Answer(200, bytes(body), content_type, headers)


def _matching(query: Query, asked: SearchRequest, archive: Archive, scope: Scope) -> list[Match]:
    """Those of the index's matches whose objects match the keys beyond the index. Raises TooLarge (413) where too many
    objects would have to be read, Incorrect (400) for a key that is malformed."""
    found: list[Match] = []
    whereabouts = Whereabouts(archive.index.distant_archives, archive.distant.directory)
    for begin in range(0, MOST_EXAMINED, MOST_INCLUDED):
        some = search(archive.index, replace(query, limit=MOST_INCLUDED, offset=begin), scope)
        described = _descriptions(query.level, some, archive)
        for match in some:
            computed = _attributes(query.level, match, "", with_study=True, with_series=True)
            known = described.get(_id(query.level, match), {}) | computed | _where(match, whereabouts, archive)
            attributes = msgspec.json.decode(msgspec.json.encode(known))
            try:
                if matches_keys(asked.beyond, attributes):
                    found.append(match)
            except Incorrect as wrong:
                raise malformed(wrong.where, wrong.remedy) from None
        if len(some) < MOST_INCLUDED or len(found) >= query.offset + query.limit:
            return found[query.offset : query.offset + query.limit]
    raise TooLarge(
        "Too many objects would have to be read for this search.",
        remedy="Narrow it by an attribute of the conformance statement's table.",
    )


def uid_conditions(study: str | None, series: str | None = None) -> list[tuple[Level, Condition]]:
    """The UIDs of a path as conditions. Raises Incorrect (400) for what is no UID."""
    found: list[tuple[Level, Condition]] = []
    if study is not None:
        found.append(("study", ("st.uid = ?", [checked_uid(study)])))
    if series is not None:
        found.append(("series", ("se.uid = ?", [checked_uid(series)])))
    return found


def checked_uid(text: str) -> str:
    if not uids.is_uid(text):
        raise Incorrect(
            "The path holds something that is no UID.",
            remedy="Send UIDs of digits and single dots.",
            issue_code="value",
            http_status=400,
        )
    return text


def _warnings(asked: SearchRequest, request: Request, *, more: bool) -> Headers:
    texts = []
    if asked.fuzzy:
        texts.append("The fuzzymatching parameter is not supported. Only literal matching has been performed.")
    if more:
        texts.append("There are additional results that can be requested")
    return [(b"warning", f'299 {request.root.split("/")[2]} "{text}"'.encode("ascii", "replace")) for text in texts]


def _id(level: Level, match: Match) -> int:
    if level == "study":
        return match.study
    if level == "series":
        return match.series or 0
    return match.instance.id if match.instance else 0


def _where(match: Match, whereabouts: Whereabouts, archive: Archive) -> Attributes:
    titles = whereabouts.retrieve_ae_titles(archive.settings.ae_title, match.distant)
    return {
        "00080054": of_values("AE", titles),
        "00080056": of_values("CS", [whereabouts.availability(match.distant)]),
    }


def _attributes(level: Level, match: Match, root: str, *, with_study: bool, with_series: bool) -> Attributes:
    url = f"{root}/studies/{match.study_uid}"
    attributes: Attributes = {}
    if with_study:
        attributes.update(_RAW.decode(match.study_json))
        attributes["00080061"] = of_values("CS", [code for code in match.modalities.split("\\") if code])
        attributes["00201206"] = of_values("IS", [match.series_count])
        attributes["00201208"] = of_values("IS", [match.instance_count])
    else:
        attributes["0020000D"] = of_values("UI", [match.study_uid])
    if level != "study":
        url += f"/series/{match.series_uid}"
        if with_series or level == "series":
            attributes.update(_RAW.decode(match.series_json))
            attributes["00201209"] = of_values("IS", [match.series_instance_count])
        else:
            attributes["0020000E"] = of_values("UI", [match.series_uid])
    if level == "instance" and match.instance is not None:
        url += f"/instances/{match.instance.uid}"
        attributes.update(instance_attributes(match.instance))
    attributes["00081190"] = of_values("UR", [url])
    return attributes


def _descriptions(level: Level, matches: Sequence[Match], archive: Archive) -> dict[int, Attributes]:
    """DICOM JSON for each result: of the instance itself, or of one instance of the study or series."""
    if level == "instance":
        rows = {match.instance.id: match.instance for match in matches if match.instance is not None}
    else:
        rows = representatives(archive.index, level, [_id(level, match) for match in matches])
    described = archive.described_at_hand(list(rows.values()))
    return {one: _RAW.decode(described[row.id][0]) for one, row in rows.items() if row.id in described}


def _include(attributes: Attributes, asked: SearchRequest, level: Level, found: Attributes | None) -> None:
    if found is None:
        return
    if asked.include_all:
        names = [
            name for name in found if level == "instance" or (name[:4] in _STUDY_GROUPS and name not in _INSTANCE_ONLY)
        ]
    else:
        names = [f"{tag:08X}" for tag in asked.include if f"{tag:08X}" in found]
    for name in names:
        if b'"BulkDataURI":"*' not in bytes(found[name]):
            attributes.setdefault(name, found[name])
