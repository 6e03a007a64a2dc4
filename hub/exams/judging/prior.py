"""What a verdict is made of: the order, the priors, and the circumstances of the call. Plain values."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from ..examination import Examination
from ..naming.understanding import Said
from ..rows.fhir_reading import UNDATED_US
from ..rows.row import Detail, State, decode_detail
from .intervals import SiteTables
from .recognition import Institution


@dataclass(slots=True, frozen=True)
class PlannedRepeat:
    """An examination that a care plan repeats."""

    examination: Examination
    interval_days: float


@dataclass(eq=False)
class Prior:
    """One prior examination, grouped: a report supersedes its study and its order. Never changed once it is made.

    ``refs`` are its resources, the one to show first. ``raw_details`` are decoded only where a verdict needs them.
    """

    refs: tuple[str, ...]
    examination: Examination
    state: State
    anchor_us: int
    owner: str
    raw_details: tuple[bytes, ...] = ()
    date_only: bool = False
    sibling: bool = False
    """A draft of the same request."""

    @cached_property
    def details(self) -> tuple[Detail, ...]:
        return tuple(decode_detail(raw) for raw in self.raw_details)

    @property
    def dated(self) -> bool:
        return self.anchor_us != UNDATED_US

    @property
    def in_flight(self) -> bool:
        return self.state in (State.ORDERED, State.EXPECTED)

    def first(self, name: str) -> str:
        """The first of its details that says something under ``name``."""
        return next((value for detail in self.details if (value := getattr(detail, name))), "")

    @property
    def organization(self) -> str:
        """Who performed it; empty where nobody knows more than that it was in this district."""
        if named := self.first("organization"):
            return named
        return "" if any(detail.unattributed for detail in self.details) else self.owner

    @property
    def contradictions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each for detail in self.details for each in detail.contradictions))

    @property
    def follow_up_days(self) -> float | None:
        return next((detail.follow_up_days for detail in self.details if detail.follow_up_days is not None), None)

    @property
    def abnormal(self) -> bool:
        return any(detail.abnormal for detail in self.details)


@dataclass(frozen=True, slots=True)
class Order:
    """The examination asked for, with what bears on its verdict. ``examination`` is None where it was not
    understood."""

    ref: str
    name: str
    examination: Examination | None
    contradictions: tuple[str, ...] = ()
    reasons: tuple[Said, ...] = ()
    stat: bool = False
    based_on: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    standing_child: bool = False
    encounter: str = ""
    planned_days: float | None = None
    """Interval of the plan it is based on."""
    sources: tuple[str, ...] = ()
    """What told the examination, most trusted first: the clinic's code map, a code, the text, the body site."""


@dataclass(frozen=True, slots=True)
class Context:
    """The circumstances: now, who asks, how old the patient is, where. ``institution`` looks an organization up."""

    now_us: int
    organization: str
    institution: Callable[[str], Institution]
    setting: str = "outpatient"
    birth_us: int | None = None
    sites: SiteTables = field(default_factory=SiteTables)
    plans: tuple[PlannedRepeat, ...] = ()
    show_unrecognised: bool = False

    @property
    def age_days(self) -> float | None:
        return None if self.birth_us is None else (self.now_us - self.birth_us) / 86_400e6
