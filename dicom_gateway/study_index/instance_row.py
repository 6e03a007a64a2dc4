"""One instance as its readers need it, and the SELECT that makes it."""

from dataclasses import dataclass
from typing import Any

COLUMNS = """i.id, i.uid, i.sop_class, i.number, i.rows, i.columns, i.bits_allocated, i.frames, i.transfer_syntax,
    i.size_bytes, i.data_set_at, i.sha256, i.spool, se.uid, st.uid, st.patient, i.characters,
    st.correction, i.corrected, (SELECT d.archive FROM distant_instance d WHERE d.instance = i.id)"""


@dataclass(frozen=True, slots=True)
class InstanceRow:
    id: int
    uid: str
    sop_class: str
    number: int | None
    rows: int | None
    columns: int | None
    bits_allocated: int | None
    frames: int | None
    transfer_syntax: str
    size_bytes: int
    data_set_at: int
    sha256: bytes
    spool: str | None
    series_uid: str
    study_uid: str
    patient: str | None
    """Id of the hub's Patient, once the study has been told."""
    characters: str
    correction: int | None = None
    """The correction in force of its study."""
    corrected: int | None = None
    """The correction that the file named here bears."""
    archive: str | None = None
    """Where its bytes live, if not here. Before they are fetched for the first time, ``size_bytes`` is 0, the hash
    empty, and the transfer syntax perhaps not known."""

    @property
    def is_current(self) -> bool:
        return self.correction == self.corrected

    @property
    def unseen(self) -> bool:
        """It lives elsewhere and was never fetched."""
        return self.archive is not None and not self.sha256

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "InstanceRow":
        return cls(*row)
