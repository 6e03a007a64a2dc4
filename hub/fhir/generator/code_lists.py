"""Value sets of required bindings (R4 terminologies.html#required), expanded where the definitions hold every code.

Not expandable, and so not checked: value sets over open code systems (media types, languages, currencies are given as
a list and are checked, UCUM and BCP 47 are not).
"""

from hub.fhir.generator.definitions import Definitions, Json

Codes = dict[str, list[str]]


class CodeLists:
    """Collects the value sets that elements ask for; ``table`` then holds ``{key: {system: [codes]}}``."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self.table: dict[str, Codes] = {}
        self.not_expandable: set[str] = set()
        self._urls: dict[str, str] = {}

    def key(self, canonical: str, *, with_systems: bool) -> str | None:
        """The short name under which the value set stands in ``table``; None if it cannot be listed."""
        url = canonical.partition("|")[0]
        codes = self._expand(url)
        if not codes:
            self.not_expandable.add(url)
            return None
        key = url.rpartition("/")[2]
        if self._urls.setdefault(key, url) != url:
            raise ValueError(f"two value sets are called {key}")
        self.table[key] = {system: sorted(values) for system, values in sorted(codes.items())}
        return key

    def _expand(self, url: str) -> dict[str, set[str]] | None:
        compose = self._definitions.value_sets.get(url, {}).get("compose")
        if not compose:
            return None
        out: dict[str, set[str]] = {}
        for include in compose["include"]:
            part = self._part(include)
            if part is None:
                return None
            for system, codes in part.items():
                out.setdefault(system, set()).update(codes)
        for exclude in compose.get("exclude", ()):
            part = self._part(exclude)
            if part is None:
                return None
            for system, codes in part.items():
                out.get(system, set()).difference_update(codes)
        return out

    def _part(self, include: Json) -> dict[str, set[str]] | None:
        if "valueSet" in include:
            parts = [self._expand(url.partition("|")[0]) for url in include["valueSet"]]
            if "system" in include or len(parts) != 1:
                return None
            return parts[0]
        system: str = include["system"]
        if "concept" in include:
            return {system: {concept["code"] for concept in include["concept"]}}
        defined = self._definitions.code_systems.get(system)
        if not defined or defined.get("content") not in {"complete", None} or "concept" not in defined:
            return None
        codes = _all_codes(defined["concept"], include.get("filter", []))
        return None if codes is None else {system: codes}


def _all_codes(concepts: list[Json], filters: list[Json]) -> set[str] | None:
    if not filters:
        out: set[str] = set()
        for concept in concepts:
            out.add(concept["code"])
            out |= _all_codes(concept.get("concept", []), []) or set()
        return out
    if len(filters) != 1 or filters[0]["op"] != "is-a" or filters[0]["property"] != "concept":
        return None
    for concept in concepts:
        if concept["code"] == filters[0]["value"]:
            return _all_codes([concept], [])
        below = _all_codes(concept.get("concept", []), filters)
        if below:
            return below
    return None
