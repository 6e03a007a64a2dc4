"""The rows kept beside the resources: one line per examination, order, report, specimen or plan of a source Patient."""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from ..examination import Examination, Kind

TABLE = """
CREATE TABLE IF NOT EXISTS exams_row (
    pat_id TEXT NOT NULL, key TEXT NOT NULL, anchor_us INTEGER NOT NULL, ref TEXT NOT NULL,
    state TEXT NOT NULL, owner TEXT NOT NULL, exam BLOB, links TEXT NOT NULL, detail BLOB NOT NULL,
    PRIMARY KEY (pat_id, key, anchor_us, ref)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exams_row_of ON exams_row (ref);
CREATE TABLE IF NOT EXISTS exams_window (
    level TEXT NOT NULL, site TEXT NOT NULL, number INTEGER NOT NULL, row BLOB NOT NULL, version TEXT NOT NULL,
    PRIMARY KEY (level, site, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exams_window_kept (
    version TEXT NOT NULL, number INTEGER NOT NULL, row BLOB NOT NULL, PRIMARY KEY (version, number)
) WITHOUT ROWID;
"""
"""All candidates of one patient for one modality or analyte since a time are one range scan of the primary key."""

IMAGING, UNREAD_IMAGING, LABORATORY, REPORT, SPECIMEN, PLAN = "I:", "I:?", "L:", "R", "S", "P"
AWAITED = "A"
"""Stands under the reference of a result that a report cites and that has not come yet."""


class State(StrEnum):
    FINAL = "final"
    EXPECTED = "expected"
    """Reported in part or not yet: the result is on its way."""
    PERFORMED = "performed"
    """Images are there, a report is not."""
    ORDERED = "ordered"
    VOID = "void"
    """Cancelled, entered in error, rejected: kept so that it voids what belongs to it."""
    FACT = "fact"
    """Not an examination: a specimen, a plan."""


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a verdict may need of a row besides its examination."""

    name: str = ""
    """As the sender calls it."""
    place: str = ""
    conclusion: str = ""
    status: str = ""
    date_only: bool = False
    abnormal: bool = False
    claimed: bool = False
    """The report claims this analyte by its panel's name; there is no Observation of it."""
    quality_complaint: str = ""
    mark: str = ""
    mark_scope: str = ""
    assessed_from_us: int | None = None
    assessed_to_us: int | None = None
    assessment_passed: bool = False
    follow_up_days: float | None = None
    encounter: str = ""
    organization: str = ""
    """Who performed it, where that is named; else the owner of the record."""
    unattributed: bool = False
    """A platform sent it and nobody is named: it was done somewhere in the platform's own district."""
    contradictions: tuple[str, ...] = ()
    interval_days: float | None = None
    """Of a plan: how far apart its repetitions are."""
    result_count: int = 0
    images: str = ""
    """Where the images can be seen, if an absolute address was given."""


class Row(NamedTuple):
    key: str
    anchor_us: int
    ref: str
    state: str
    owner: str
    exam: bytes | None
    links: str
    detail: bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Detail)


def encode_detail(detail: Detail) -> bytes:
    return _encoder.encode(detail)


def decode_detail(content: bytes) -> Detail:
    return _decoder.decode(content)


@lru_cache(maxsize=16384)
def keys_of(examination: Examination) -> tuple[str, ...]:
    """The keys under which priors of an examination are found, and under which it is kept itself."""
    if examination.kind is Kind.LABORATORY:
        return tuple(f"{LABORATORY}{analyte}" for analyte in examination.analytes)
    return (f"{IMAGING}{examination.modality}",)
