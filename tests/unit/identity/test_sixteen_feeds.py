"""Sixteen feeds at once bring the same people: nobody becomes two."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import check_character

FEEDS, PEOPLE = 16, 12


def test_nobody_becomes_two_under_sixteen_concurrent_feeds(county: Any) -> None:
    def number(person: int) -> str:
        digits = f"990101{1950 + person}0415{person:02d}2"
        return digits + check_character(digits)

    def feed(clinic: int) -> None:
        people = list(range(PEOPLE))
        random.Random(clinic).shuffle(people)
        for person in people:
            body: dict[str, Any] = {
                "resourceType": "Patient", "id": f"c{clinic}-{person}",
                "name": [{"text": f"陈秀{'英兰芳梅'[person % 4]}"}],
                "gender": "female", "birthDate": f"{1950 + person}-04-15",
                "telecom": [{"system": "phone", "value": f"1380013{8000 + person}"}],
            }  # fmt: skip
            if (clinic + person) % 4:
                body["identifier"] = [{"system": RESIDENT_ID, "value": number(person)}]
            county.send(f"clinic-{clinic}", body)

    with ThreadPoolExecutor(FEEDS) as pool:
        list(pool.map(feed, range(FEEDS)))
    persons = Counter(person for (person,) in county.store.side_rows("SELECT person_id FROM identity_link"))
    assert sorted(persons.values()) == [FEEDS] * PEOPLE
    assert len(county.store.side_rows("SELECT 1 FROM identity_claim")) == PEOPLE
