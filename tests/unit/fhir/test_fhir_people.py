"""People are found by what is at hand of them."""

import pytest

from hub.contracts.errors import Incorrect
from hub.fhir.people import keys_of, meets, terms_of
from hub.fhir.search import parse

PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "单", "given": ["吕芳"]}, {"text": "Anna Müller"}],
    "telecom": [{"value": "+86 138-0000-4321"}, {"system": "email"}],
    "identifier": [{"value": "99010119900307001X"}, {"system": "urn:x"}],
}


@pytest.mark.parametrize(
    ("find", "found"),
    [
        ("单吕", True),
        ("吕芳", True),
        ("芳", False),
        ("shanlv", True),  # as a surname is read
        ("danlu", True),  # and as it is read elsewhere
        ("slf", True),
        ("dlf", True),
        ("lf", True),
        ("annamu", True),
        ("ANNA", True),
        ("muller", False),
        ("4321", True),
        ("86138", True),
        ("321", False),
        ("001x", True),
        ("9901", True),
        ("0307", False),
        ("单 4321", True),
        ("王 4321", False),
    ],
)
def test_a_patient_is_found_by_the_beginning_of_a_name_and_either_end_of_a_number(find: str, found: bool) -> None:
    assert meets(keys_of(PATIENT), terms_of(find)) is found


@pytest.mark.parametrize("pairs", [[("find", "")], [("find", "12")], [("find", "…")], []])
def test_a_question_that_would_find_everybody_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(Incorrect) as refused:
        parse("Patient", [("_query", "people"), *pairs])
    assert refused.value.http_status == 400
    assert refused.value.where == "find"


def test_find_means_nothing_without_the_query_by_name() -> None:
    with pytest.raises(Incorrect, match="no search parameter find"):
        parse("Patient", [("find", "王")])
