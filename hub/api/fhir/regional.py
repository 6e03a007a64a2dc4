"""The regional Patient, one read-only Patient for each person, and the search for it: PDQm ITI-78
(https://profiles.ihe.net/ITI/PDQm/ITI-78.html).

``GET Patient`` finds source Patients, as ever. It finds regional ones where they are asked for: by ``_tag`` or
``_profile``, by their ``_id``, or, for those who treat and read across the county, by a question that is demographic
and nothing else (``family`` or ``given``, with or without birth date, sex, address, phone): who asks so wants to know
the person, not which clinics keep a file. A person is found where one of its sources that the asker may read meets
every parameter.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.codes import RECORD_KIND, REGIONAL
from hub.contracts.errors import Incorrect
from hub.contracts.gate import Gate
from hub.contracts.persons import REGIONAL_PREFIX, Persons, person_of_regional, regional_id
from hub.contracts.store import ResourceReader
from hub.fhir.bundle import searchset
from hub.fhir.outcome import Issue, operation_outcome
from hub.fhir.search import parse
from hub.fhir.search_results import DEFAULT_COUNT, MOST_COUNT

from .exchange import Pairs

PROFILE = "https://profiles.ihe.net/ITI/PDQm/StructureDefinition/IHE.PDQm.Patient"
TAG = f"{RECORD_KIND}|{REGIONAL}"
MOST_RECORDS = MOST_COUNT
"""Source Patients that one search follows to their persons; a search that finds more says so."""
_NAMES = frozenset({"family", "given"})
_DEMOGRAPHIC = _NAMES | {
    "active", "address", "address-city", "address-country", "address-postalcode", "address-state", "birthdate",
    "gender", "telecom",
}  # fmt: skip
MAIDEN_NAME = "mothersMaidenName"
_MAIDEN_NAME_URL = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
"""ITI-78 searches by this extension; R4 has no search parameter for it."""
_PAGING = frozenset({"_count", "_total", "_cursor"})
_OF_STORED = frozenset({"_include", "_revinclude", "_summary"})
_COUNTY_WIDE = frozenset({Role.PHYSICIAN, Role.READER})


class RegionalPatients:
    """``VirtualType`` of the regional Patients."""

    def __init__(self, persons: Persons, store: ResourceReader, gate: Gate, audit: ReadAudit) -> None:
        self._persons = persons
        self._store = store
        self._gate = gate
        self._audit = audit

    def owns(self, resource_id: str) -> bool:
        return resource_id.startswith(REGIONAL_PREFIX)

    def read(self, resource_id: str, caller: Caller) -> bytes | None:
        person = person_of_regional(resource_id)
        return None if person is None else self._view(person, self._gate.scope(caller), caller, "read")

    def search(self, pairs: Sequence[tuple[str, str]], caller: Caller, base: str) -> bytes | None:
        """Raises Incorrect (400) for what a source search would refuse, and for parameters of a result that only
        stored resources have (``_include`` …)."""
        asked = demographics_asked(pairs, caller)
        if asked is None:
            return None
        scope = self._gate.scope(caller)
        begin, count = _paging(pairs)
        persons, whole = self._found(asked, scope)
        page = persons[begin : begin + count]
        shown = [
            (f"Patient/{regional_id(one)}", body) for one in page if (body := self._one(one, scope, caller, asked))
        ]
        links = [("self", f"{base}/Patient?{urlencode(pairs)}")]
        if begin + count < len(persons) and count:
            kept = [pair for pair in pairs if pair[0] != "_cursor"]
            links.append(("next", f"{base}/Patient?{urlencode([*kept, ('_cursor', str(begin + count))])}"))
        return searchset(
            base, shown, links=links, total=len(persons) if whole else None, outcome=b"" if whole else _TOO_MANY
        )

    def _found(self, asked: Pairs, scope: Scope) -> tuple[list[str], bool]:
        """Person ids in the order of their records, and whether these are all."""
        ids = [value for name, value in asked if name == "_id"]
        if len(ids) == len(asked) == 1:
            wanted = [person_of_regional(one) for one in ids[0].split(",")]
            return [one for one in wanted if one is not None and self._persons.regional(one, scope)], True
        maiden_names = [value for name, value in asked if name == MAIDEN_NAME]
        criteria = [pair for pair in asked if pair[0] != MAIDEN_NAME]
        page = self._store.search(parse("Patient", [*criteria, ("_count", str(MOST_RECORDS))]), scope)
        matches = [match for match in page.matches if all(_has_maiden_name(match.body, one) for one in maiden_names)]
        persons = (self._persons.person_of(match.id) for match in matches)
        return list(dict.fromkeys(one for one in persons if one is not None)), page.next is None

    def _one(self, person: str, scope: Scope, caller: Caller, asked: Pairs) -> bytes | None:
        domains = {part.partition("|")[0] for name, value in asked if name == "identifier" for part in value.split(",")
                   if part.endswith("|")}  # fmt: skip
        return self._view(person, scope, caller, "search-type", domains)

    def _view(
        self, person: str, scope: Scope, caller: Caller, interaction: str, domains: set[str] | None = None
    ) -> bytes | None:
        regional = self._persons.regional(person, scope)
        if regional is None:
            return None
        self._audit.note(caller, interaction, "Patient", sources_shown(regional))
        if domains:  # ITI-78 case 2: numbers of the domains asked for, no others
            regional["identifier"] = [one for one in regional.get("identifier", ()) if one.get("system") in domains]
        return msgspec.json.encode(regional)


_TOO_MANY = operation_outcome(
    [Issue("warning", "too-costly", f"More than {MOST_RECORDS} records were found; give more of name and birth date.")]
)


def demographics_asked(pairs: Sequence[tuple[str, str]], caller: Caller) -> Pairs | None:
    """What the records are searched by, where regional Patients are asked for; None for a source search. Raises
    Incorrect (400) for what only a search of stored resources knows."""
    asked = [(name, value) for name, value in pairs if name not in _PAGING and name not in ("_format", "_pretty")]
    marks = {("_tag", TAG), ("_tag", REGIONAL), ("_profile", PROFILE)}
    criteria = [pair for pair in asked if pair not in marks]
    by_id = any(name == "_id" and value.startswith(REGIONAL_PREFIX) for name, value in criteria)
    names = {name.partition(":")[0] for name, _ in criteria}
    marked = len(criteria) < len(asked) or by_id
    for name in sorted(names & _OF_STORED):
        if marked:
            raise Incorrect(
                f"{name} is not supported in a search for regional Patients.",
                where=name,
                remedy="Leave it out, or search the source Patients.",
                issue_code="not-supported",
                http_status=400,
            )
    demographic = bool(names & _NAMES) and names <= _DEMOGRAPHIC and caller.role in _COUNTY_WIDE
    return criteria if marked or demographic or MAIDEN_NAME in names else None


def _has_maiden_name(body: bytes, wanted: str) -> bool:
    """Whether the mother's maiden name begins so, as strings are searched (R4 search.html#string)."""
    extensions = msgspec.json.decode(body).get("extension") or ()
    names = [str(one.get("valueString") or "") for one in extensions if one.get("url") == _MAIDEN_NAME_URL]
    return any(name.casefold().startswith(wanted.casefold()) for name in names)


def sources_shown(regional: dict[str, object]) -> list[str]:
    """Ids of the source Patients that a regional Patient shows."""
    links = regional.get("link")
    links = links if isinstance(links, list) else []
    targets = [link["other"]["reference"] for link in links if link["type"] == "seealso"]
    return [target.removeprefix("Patient/") for target in targets]


def _paging(pairs: Sequence[tuple[str, str]]) -> tuple[int, int]:
    given = {"_cursor": "0", "_count": str(DEFAULT_COUNT)}
    for name, value in pairs:
        if name in given:
            if not (value.isascii() and value.isdigit() and len(value) < 10):
                raise Incorrect(
                    f"The value of {name} is not a whole number.",
                    where=name,
                    remedy="Follow next links as they stand.",
                    issue_code="value",
                    http_status=400,
                )
            given[name] = value
    return int(given["_cursor"]), min(int(given["_count"]), MOST_COUNT)
