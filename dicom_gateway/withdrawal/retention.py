"""How long studies are kept. Nothing is deleted where no years are set, nor while somebody still has to read it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from hub.contracts.site import ZONE

from ..patient import fhir_date
from ..study_index.acts import By
from ..study_index.corrections import Subject
from ..study_index.index import StudyIndex
from .deletion import Deletion

IsBeingRead = Callable[[str, str], bool]
"""(organization, Study Instance UID): whether a reading Task on it is open."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Years after the study. The most particular figure counts: of the organization, of the modality, of all. A study
    of several modalities is kept as long as the longest of them."""

    years: int | None = None
    modalities: Mapping[str, int] = field(default_factory=dict)
    organizations: Mapping[str, int] = field(default_factory=dict)

    def years_for(self, organization: str, modalities: frozenset[str]) -> int | None:
        if organization in self.organizations:
            return self.organizations[organization]
        said = [self.modalities.get(one, self.years) for one in modalities] or [self.years]
        return None if None in said else max(years for years in said if years is not None)


@dataclass(frozen=True, slots=True)
class Expired:
    """A study whose time is over. ``open``: it stays, because somebody has still to read it."""

    organization: str
    study_uid: str
    day: date
    modalities: frozenset[str]
    instances: int
    size_bytes: int
    open: bool


def is_over(day: date, years: int | None, today: date) -> bool:
    """The whole of the last day counts; 29 February ends with 28."""
    if years is None:
        return False
    try:
        return today > day.replace(year=day.year + years)
    except ValueError:
        return today > day.replace(year=day.year + years, day=28)


def expired(index: StudyIndex, policy: RetentionPolicy, is_being_read: IsBeingRead, today: date) -> Iterator[Expired]:
    """The oldest first. A study counts from its Study Date, or where it came later from when its last instance came."""
    rows = index.rows(
        "SELECT o.name, st.uid, st.study_date, st.modalities, st.instance_count, max(i.received_us), sum(i.size_bytes)"
        " FROM study st JOIN organization o ON o.id = st.owner JOIN instance i ON i.study = st.id"
        " WHERE NOT EXISTS (SELECT 1 FROM distant_study d WHERE d.study = st.id)"
        " GROUP BY st.id ORDER BY st.study_date, st.id"
    )
    for organization, uid, study_date, packed, count, received_us, size_bytes in rows:
        modalities = frozenset(code for code in packed.split("\\") if code)
        day = datetime.fromtimestamp(received_us / 1_000_000, ZONE).date()
        said = fhir_date(study_date)
        if said is not None and date.fromisoformat(said) > day:
            day = date.fromisoformat(said)
        if is_over(day, policy.years_for(organization, modalities), today):
            yield Expired(organization, uid, day, modalities, count, size_bytes, is_being_read(organization, uid))


def delete_expired(found: Expired, deletion: Deletion, by: By) -> None:
    if not found.open:
        deletion.delete_for(by, Subject(found.organization, found.study_uid))
