"""A clinic's own code map: what its codes and names mean, decided by hand and trusted before everything else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.contracts.codes import LOINC, SNOMED

from ..examination import Examination
from .normalise import normalised

_PUBLIC = frozenset({LOINC, SNOMED})


@dataclass(frozen=True, slots=True, eq=False)
class LocalCodes:
    """``codes`` by (system, code), where an empty system stands for any that is not public; ``names`` by normalised
    name. Two maps are equal when their ``version`` is, so that what they read may be cached."""

    version: str = ""
    codes: Mapping[tuple[str, str], Examination] = field(default_factory=dict)
    names: Mapping[str, Examination] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalCodes) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def __bool__(self) -> bool:
        return bool(self.codes or self.names)

    def of_code(self, system: str, code: str) -> Examination | None:
        found = self.codes.get((system, code))
        return self.codes.get(("", code)) if found is None and system not in _PUBLIC else found

    def of_name(self, name: str) -> Examination | None:
        return self.names.get(normalised(name)) if name and self.names else None


NO_LOCAL_CODES = LocalCodes()
