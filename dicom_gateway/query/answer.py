"""What a C-FIND returns of each match (PS3.4 C.4.1.1.3.2): the attributes asked for, and what names the match."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..answer_charset import AnswerCharset, encode
from ..archive import Archive
from ..data_set_bytes import data_set_bytes
from ..distant.whereabouts import Whereabouts
from ..study_index.level_json import instance_attributes, of_values
from ..study_index.search import Match, representatives
from .keys import QUERY_LEVEL, FindQuery
from .matching import matches
from .patients import patient_counts

Attributes = dict[str, Any]

_PATIENT = ("00100010", "00100020", "00100021", "00100030", "00100040")
_OF_PATIENT = ("00201200", "00201202", "00201204")
_SOP_CLASSES_IN_STUDY = "00080062"
_KNOWN = {
    "PATIENT": frozenset({*_PATIENT, *_OF_PATIENT}),
    "STUDY": frozenset({
        *_PATIENT, *_OF_PATIENT, "00080020", "00080030", "00080050", "00080054", "00080056", "00080061",
        _SOP_CLASSES_IN_STUDY, "00080090", "00080201", "00081030", "0020000D", "00200010", "00201206", "00201208",
    }),
}  # fmt: skip
_KNOWN["SERIES"] = _KNOWN["STUDY"] | {
    "00080021", "00080031", "00080060", "0008103E", "00180015", "0020000E", "00200011", "00200060", "00201209",
    "00400244", "00400245",
}  # fmt: skip
_KNOWN["IMAGE"] = _KNOWN["SERIES"] | {
    "00080016", "00080018", "00200013", "00280008", "00280010", "00280011", "00280100", "00083002",
}  # fmt: skip
_json = msgspec.json.Decoder(dict[str, Any])


def identifier_bytes(attributes: Mapping[str, Any], charset: AnswerCharset, *, implicit: bool) -> bytes:
    """In the peer's character set; in the site's own where that cannot hold every text of it."""
    used: set[str] = set()

    def text(value: str) -> bytes:
        label = charset.for_text(value)
        used.add(label)
        return encode(label, value)

    body = data_set_bytes(attributes, implicit=implicit, encode_text=text)
    if not used:
        return body
    if len(used) > 1:
        charset = AnswerCharset(charset.fallback, charset.fallback)
        return identifier_bytes(attributes, charset, implicit=implicit)
    named = {"00080005": of_values("CS", used.pop().split("\\"))}
    return data_set_bytes(named, implicit=implicit, encode_text=text) + body


class Answers:
    """Makes the attributes of matches for one query."""

    def __init__(self, archive: Archive, query: FindQuery, ae_title: str) -> None:
        self._archive = archive
        self._query = query
        self._ae_title = ae_title
        self._whereabouts = Whereabouts(archive.index.distant_archives, archive.distant.directory)
        self._level = {"vr": "CS", "Value": [query.level]}
        asked = query.returned | {QUERY_LEVEL: "CS"}
        self._plan = [(name, {"vr": asked[name]}) for name in sorted(asked) if name != "00080005"]
        self._reads_objects = bool(query.beyond) or any(name not in _KNOWN[query.level] for name in query.returned)
        self._counts_patient = any(name in query.returned for name in _OF_PATIENT)

    def of(self, found: Sequence[Match]) -> list[Attributes]:
        """Those of ``found`` that match the keys beyond the index, each with exactly what was asked for."""
        described = self._described(found) if self._reads_objects else {}
        answers: list[Attributes] = []
        for match in found:
            attributes = self._attributes(match)
            if self._reads_objects:
                beyond = described.get(self._id(match), {})
                if not matches(self._query.beyond, beyond):
                    continue
                attributes = beyond | attributes
            attributes[QUERY_LEVEL] = self._level
            answers.append({name: attributes.get(name, empty) for name, empty in self._plan})
        return answers

    def _attributes(self, match: Match) -> Attributes:
        level = self._query.level
        attributes = _json.decode(match.study_json)
        if level == "PATIENT":
            attributes = {name: attributes[name] for name in _PATIENT if name in attributes}
        else:
            attributes["00080061"] = {"vr": "CS", "Value": match.modalities.strip("\\").split("\\")}
            attributes["00201206"] = {"vr": "IS", "Value": [match.series_count]}
            attributes["00201208"] = {"vr": "IS", "Value": [match.instance_count]}
        if level in ("SERIES", "IMAGE"):
            attributes.update(_json.decode(match.series_json))
            attributes["00201209"] = of_values("IS", [match.series_instance_count])
        if level == "IMAGE" and match.instance is not None:
            attributes.update(instance_attributes(match.instance))
        attributes["00080054"] = of_values("AE", self._whereabouts.retrieve_ae_titles(self._ae_title, match.distant))
        attributes["00080056"] = of_values("CS", [self._whereabouts.availability(match.distant)])
        if self._counts_patient:
            for name, number in zip(_OF_PATIENT, patient_counts(self._archive.index, match.study), strict=True):
                attributes[name] = of_values("IS", [number])
        if _SOP_CLASSES_IN_STUDY in self._query.returned:
            attributes[_SOP_CLASSES_IN_STUDY] = of_values("UI", self._sop_classes(match.study))
        return attributes

    def _sop_classes(self, study: int) -> list[str]:
        rows = self._archive.index.rows("SELECT DISTINCT sop_class FROM instance WHERE study = ? ORDER BY 1", (study,))
        return [row[0] for row in rows]

    def _id(self, match: Match) -> int:
        if self._query.index_level == "instance" and match.instance is not None:
            return match.instance.id
        return (match.series or 0) if self._query.index_level == "series" else match.study

    def _described(self, found: Sequence[Match]) -> dict[int, Attributes]:
        """The whole attributes of each match's instance, or of one instance of the study or series."""
        if self._query.index_level == "instance":
            rows = {match.instance.id: match.instance for match in found if match.instance is not None}
        else:
            ids = [self._id(match) for match in found]
            rows = representatives(self._archive.index, self._query.index_level, ids)
        made = self._archive.described_at_hand(list(rows.values()))
        return {one: _json.decode(made[row.id][0]) for one, row in rows.items() if row.id in made}
