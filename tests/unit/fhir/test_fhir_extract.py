from typing import Any

from fhir_samples import CONDITION, LOINC, OBSERVATION, PATIENT, RESIDENT_ID, body

from hub.fhir.dates import OPEN_HIGH, OPEN_LOW, date_range
from hub.fhir.extract import IndexRows, extract
from hub.fhir.index_compiler import compile_extractor
from hub.fhir.model import RESOURCE_TYPES, decode
from hub.fhir.search_params import find, of_type


def rows_of(resource: dict[str, Any], **changes: Any) -> IndexRows:
    return extract(resource["resourceType"], decode(body(resource, **changes)), "x1")


def under(rows: list[Any], resource_type: str, code: str) -> list[Any]:
    """Rows of one parameter, without its id."""
    param = find(resource_type, code)
    assert param is not None
    return [row[1:] if len(row) > 2 else row[1] for row in rows if row[0] == param.stored_as]


def test_an_observation_is_found_by_its_codes_dates_and_references() -> None:
    rows = rows_of(OBSERVATION)
    assert under(rows.tokens, "Observation", "code") == [(LOINC, "2345-7")]
    assert under(rows.tokens, "Observation", "component-code") == [(LOINC, "8480-6")]
    assert under(rows.tokens, "Observation", "_tag") == [("http://example.org/tag", "demo")]
    assert under(rows.tokens, "Observation", "status") == [("http://hl7.org/fhir/observation-status", "final")]
    assert under(rows.references, "Observation", "subject") == ["Patient/p1"]
    assert under(rows.references, "Observation", "performer") == ["Organization/zx001", "Practitioner/dr1"]
    assert under(rows.references, "Observation", "encounter") == ["Encounter/e1"]
    assert under(rows.dates, "Observation", "date") == [date_range("2024-02-29T08:30:00+08:00")]
    assert under(rows.uris, "Observation", "_profile") == ["http://example.org/p|2", "http://example.org/p"]
    assert rows.patient == "Patient/p1"
    assert rows.sort_date_us == date_range("2024-02-29T08:30:00+08:00")[0]


def test_a_quantity_carries_the_range_its_digits_stand_for() -> None:
    rows = rows_of(OBSERVATION)
    unit = ("http://unitsofmeasure.org", "mmol/L", "mmol/L")
    assert under(rows.quantities, "Observation", "value-quantity") == [(5.4, 5.35, 5.45, *unit)]
    assert under(rows.quantities, "Observation", "component-value-quantity")[0][:3] == (120.0, 119.5, 120.5)


def test_parameters_that_repeat_others_have_no_rows_of_their_own() -> None:
    rows = rows_of(OBSERVATION)
    stored = {row[0] for kind in rows[:7] for row in kind}  # type: ignore[attr-defined]
    for code in ("patient", "combo-code", "combo-value-quantity"):
        param = of_type("Observation")[code]
        assert param.id not in stored
        assert not param.stored


def test_a_chinese_name_is_one_word_in_every_spelling() -> None:
    names = {normalised for normalised, _ in under(rows_of(PATIENT).strings, "Patient", "name")}
    assert names == {"张", "伟", "张伟"}
    apart = rows_of(PATIENT, name=[{"text": "欧阳 娜娜"}])
    assert under(apart.strings, "Patient", "name") == [("欧阳娜娜", "欧阳娜娜")]


def test_other_names_are_indexed_part_by_part_without_case_and_accents() -> None:
    rows = rows_of(PATIENT, name=[{"family": "Núñez", "given": ["José", "María"], "prefix": ["Dr."]}])
    assert {n for n, _ in under(rows.strings, "Patient", "name")} == {"nunez", "jose", "maria", "dr."}
    assert ("nunez", "Núñez") in under(rows.strings, "Patient", "family")


def test_a_patient_is_found_by_identifier_phone_and_life() -> None:
    rows = rows_of(PATIENT)
    assert under(rows.tokens, "Patient", "identifier") == [(RESIDENT_ID, "990101198001011236")]
    assert under(rows.tokens, "Patient", "phone") == [(None, "555-0100")]
    assert under(rows.tokens, "Patient", "email") == [(None, "a@example.org")]
    assert under(rows.tokens, "Patient", "telecom") == [(None, "555-0100"), (None, "a@example.org")]
    assert under(rows.tokens, "Patient", "deceased") == [(None, "false")]
    assert rows.patient == "Patient/x1"
    for death in ({"deceasedBoolean": True}, {"deceasedDateTime": "2024"}):
        assert under(rows_of(PATIENT, **death).tokens, "Patient", "deceased") == [(None, "true")]
    assert under(rows_of(PATIENT, deceasedBoolean=False).tokens, "Patient", "deceased") == [(None, "false")]


def test_open_periods_reach_to_the_ends_of_time() -> None:
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    for period, expected in (
        ({"start": "2024-02-29"}, (date_range("2024-02-29")[0], OPEN_HIGH)),
        ({"end": "2024-02-29"}, (OPEN_LOW, date_range("2024-02-29")[1])),
    ):
        rows = rows_of({**encounter, "period": period})
        assert under(rows.dates, "Encounter", "date") == [expected]
    assert rows.sort_date_us == 0


def test_a_timing_counts_by_its_outer_limits() -> None:
    request = {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "occurrenceTiming": {"event": ["2024-03-01", "2024-02-28"]},
    }
    rows = rows_of(request)
    expected = (date_range("2024-02-28")[0], date_range("2024-03-01")[1])
    assert under(rows.dates, "ServiceRequest", "occurrence") == [expected]


def test_local_references_are_left_out_and_absolute_ones_kept() -> None:
    assert rows_of(OBSERVATION, subject={"reference": "#p"}, contained=None).patient is None
    url = "https://example.org/fhir/Patient/9"
    assert rows_of(OBSERVATION, subject={"reference": url}).patient == url
    urn = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
    rows = rows_of(OBSERVATION, subject={"reference": urn})
    assert rows.patient == urn
    assert urn in under(rows.references, "Observation", "subject")


def test_what_belongs_to_several_patients_belongs_to_no_compartment() -> None:
    members = [{"entity": {"reference": f"Patient/{number}"}} for number in (1, 2)]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    assert rows_of(group).patient is None
    assert rows_of({**group, "member": members[:1]}).patient == "Patient/1"


def test_a_urn_names_the_patient_only_where_the_subject_stands() -> None:
    urn = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
    event = {
        "resourceType": "Provenance",
        "target": [{"reference": urn}],
        "recorded": "2024-02-29T08:30:00Z",
        "agent": [{"who": {"reference": "Practitioner/dr1"}}],
    }
    assert rows_of(event).patient is None
    assert rows_of({**event, "target": [{"reference": "Patient/p1"}]}).patient == "Patient/p1"
    assert rows_of(CONDITION, subject={"reference": urn}).patient == urn


def test_an_onset_as_age_is_a_quantity_and_as_text_a_string() -> None:
    age = {"value": 40, "system": "http://unitsofmeasure.org", "code": "a"}
    rows = rows_of(CONDITION, onsetDateTime=None, onsetAge=age)
    assert under(rows.quantities, "Condition", "onset-age")[0][0] == 40
    rows = rows_of(CONDITION, onsetDateTime=None, onsetString="幼年")
    assert under(rows.strings, "Condition", "onset-info") == [("幼年", "幼年")]


def test_each_row_stands_once() -> None:
    twice = [*OBSERVATION["category"], *OBSERVATION["category"]]
    rows = rows_of(OBSERVATION, category=twice)
    assert len(rows.tokens) == len(set(rows.tokens))


def test_long_text_is_indexed_by_its_beginning() -> None:
    rows = rows_of(PATIENT, name=[{"family": "x" * 5000}])
    assert max(len(text) for _, text, _ in rows.strings) == 400


def test_every_stored_parameter_of_every_type_leads_to_rows_of_some_kind() -> None:
    for resource_type in sorted(RESOURCE_TYPES):
        _, empty = compile_extractor(resource_type)
        assert empty == []
