"""Whom a decision on some records may concern: their persons, those they may belong to, those that come into question
for these in turn, and so on until nobody is left out, or too many are in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from . import records, reviews
from .partition import Pair, Record
from .records import Rows

MOST_OF_A_PERSON = 60
MOST_PERSONS = 24


@dataclass(slots=True)
class Neighbourhood:
    """``records`` by Patient id. ``frozen``: persons about whom not everybody in question was looked at; they count as
    somebody else who may be meant, and stay as they are. ``large``: persons with more records than were read."""

    records: dict[str, Record] = field(default_factory=dict)
    said: dict[Pair, bool] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)


def around(rows: Rows, seeds: Sequence[Record], strongest: Iterable[str]) -> Neighbourhood:
    """``strongest``: persons that the seeds may belong to, the likeliest first."""
    found = Neighbourhood()
    persons: dict[str, None] = {}
    wanted = list(dict.fromkeys([*(seed.person_id for seed in seeds), *strongest]))[:MOST_PERSONS]
    while wanted:
        persons.update(dict.fromkeys(wanted))
        new = records.of_persons(rows, wanted, MOST_OF_A_PERSON)
        for person in wanted:
            if sum(one.person_id == person for one in new) == MOST_OF_A_PERSON:
                found.large.add(person)
        found.records.update((one.patient_id, one) for one in new)
        ids = [one.patient_id for one in new]
        said = records.said(rows, ids)
        found.said |= said
        asked = reviews.counterparts(rows, ids).union(*said) - found.records.keys()
        beyond = list(dict.fromkeys(one.person_id for one in records.of_patients(rows, sorted(asked))))
        wanted = [person for person in beyond if person not in persons]
        if len(persons) + len(wanted) > MOST_PERSONS:
            found.frozen.update(wanted)
            last = records.of_persons(rows, wanted[:MOST_PERSONS], MOST_OF_A_PERSON)
            found.records.update((one.patient_id, one) for one in last)
            wanted = []
    found.records.update((seed.patient_id, seed) for seed in seeds)
    return found
