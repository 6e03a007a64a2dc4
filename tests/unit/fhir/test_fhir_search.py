import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.errors import ExchangeError, Incorrect, Unsupported
from hub.fhir.dates import date_range
from hub.fhir.model import RESOURCE_TYPES
from hub.fhir.search import (
    Criterion,
    DateValue,
    Modifier,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    SearchQuery,
    StringValue,
    TokenValue,
    Total,
    UriValue,
    Value,
    parse,
)


def search(query: str, resource_type: str = "Observation", lenient: bool = False) -> SearchQuery:
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&"))]
    return parse(resource_type, pairs, lenient=lenient)


def only(query: str, resource_type: str = "Observation") -> Criterion:
    [criterion] = search(query, resource_type).criteria
    return criterion


def values(query: str, resource_type: str = "Observation") -> tuple[Value, ...]:
    return only(query, resource_type).values


def refused(query: str, resource_type: str = "Observation") -> ExchangeError:
    with pytest.raises(ExchangeError) as caught:
        search(query, resource_type)
    assert caught.value.http_status == 400
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("final", TokenValue(None, "final")),
        ("http://loinc.org|2345-7", TokenValue("http://loinc.org", "2345-7")),
        ("|2345-7", TokenValue("", "2345-7")),
        ("http://loinc.org|", TokenValue("http://loinc.org", None)),
        ("a\\|b\\,c\\$d\\\\e", TokenValue(None, "a|b,c$d\\e")),
        ("s|a|b", TokenValue("s", "a|b")),
    ],
)
def test_tokens(text: str, expected: TokenValue) -> None:
    assert values(f"code={text}") == (expected,)


def test_commas_are_alternatives_and_repetitions_are_both_needed() -> None:
    assert values("code=a,s|b") == (TokenValue(None, "a"), TokenValue("s", "b"))
    assert [len(criterion.values) for criterion in search("code=a,b&code=c").criteria] == [2, 1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("patient=p1", ReferenceValue("Patient/p1", "Patient", "p1")),
        ("patient=Patient/p1", ReferenceValue("Patient/p1", "Patient", "p1")),
        ("subject=p1", ReferenceValue("p1", None, "p1")),
        ("subject:Patient=p1", ReferenceValue("Patient/p1", "Patient", "p1")),
        ("subject=Patient/p1/_history/3", ReferenceValue("Patient/p1", "Patient", "p1")),
        (
            "subject=https://example.org/fhir/Patient/1",
            ReferenceValue("https://example.org/fhir/Patient/1", None, None),
        ),
    ],
)
def test_references(query: str, expected: ReferenceValue) -> None:
    assert values(query) == (expected,)


def test_a_canonical_reference_is_a_uri() -> None:
    assert values("questionnaire=http://example.org/q|1", "QuestionnaireResponse") == (
        UriValue("http://example.org/q|1"),
    )


@pytest.mark.parametrize(("prefix", "meaning"), [("", Prefix.EQ), *[(p.value, p) for p in Prefix]])
def test_dates_with_every_prefix(prefix: str, meaning: Prefix) -> None:
    low, high = date_range("2024-02")
    assert values(f"date={prefix}2024-02") == (DateValue(meaning, low, high),)


def test_a_plus_sign_lost_in_the_url_is_a_plus_sign() -> None:
    assert values("date=2024-02-29T08:30:00 08:00") == values("date=2024-02-29T08:30:00+08:00")


def test_numbers_stand_for_the_range_of_their_digits() -> None:
    assert values("probability=0.50", "RiskAssessment") == (NumberValue(Prefix.EQ, 0.5, 0.495, 0.505),)
    assert values("probability=gt1e2", "RiskAssessment") == (NumberValue(Prefix.GT, 100.0, 50.0, 150.0),)


def test_quantities() -> None:
    system = "http://unitsofmeasure.org"
    assert values(f"value-quantity=le5.4|{system}|mmol/L") == (
        QuantityValue(Prefix.LE, 5.4, 5.35, 5.45, system, "mmol/L"),
    )
    assert values("value-quantity=5.4||mmol/L") == (QuantityValue(Prefix.EQ, 5.4, 5.35, 5.45, None, "mmol/L"),)
    assert values("value-quantity=5.4") == (QuantityValue(Prefix.EQ, 5.4, 5.35, 5.45, None, None),)


def test_strings_are_compared_without_case_and_accents_but_exact_ones_as_written() -> None:
    assert values("name=Núñez", "Patient") == (StringValue("nunez", "Núñez"),)
    assert values("name=张伟", "Patient") == (StringValue("张伟", "张伟"),)
    assert only("name:exact=Núñez", "Patient").modifier is Modifier.EXACT


def test_missing_and_not() -> None:
    assert only("code:missing=true").missing is True
    assert only("code:missing=false").missing is False
    assert only("status:not=final").modifier is Modifier.NOT


def test_a_chain_asks_every_type_the_parameter_leads_to() -> None:
    criterion = only("subject.identifier=s|1")
    assert {link.param.type for link in criterion.chain} == {"Patient", "Group", "Device", "Location"}
    criterion = only("subject:Patient.name=张")
    assert [link.param.type for link in criterion.chain] == ["Patient"]
    assert criterion.chain[0].values == (StringValue("张", "张"),)
    criterion = only("patient.birthdate=ge1980")
    assert criterion.chain[0].param.code == "birthdate"
    assert values("patient._id=a,b") == (
        ReferenceValue("Patient/a", "Patient", "a"),
        ReferenceValue("Patient/b", "Patient", "b"),
    )


def test_ids_and_times_of_change() -> None:
    query = search("_id=a,b&_id=b,c&_lastUpdated=ge2024,lt2020&_lastUpdated=lt2025")
    assert query.ids == {"b"}
    assert [[value.prefix for value in group] for group in query.last_updated] == [[Prefix.GE, Prefix.LT], [Prefix.LT]]


def test_result_parameters() -> None:
    query = search("_sort=-date,_lastUpdated&_count=5000&_total=accurate&_format=json&_pretty=true")
    assert [(key.code, key.descending, key.param is None) for key in query.sort] == [
        ("date", True, False),
        ("_lastUpdated", False, True),
    ]
    assert (query.count, query.total, query.summary_count) == (1000, Total.ACCURATE, False)
    assert search("_count=0").summary_count
    assert search("_summary=count").summary_count
    assert search("_summary=false").count == 50


def test_includes() -> None:
    query = search("_include=Observation:subject:Patient&_include=Observation:encounter")
    assert [(include.param.code, include.target_type) for include in query.includes] == [
        ("subject", "Patient"),
        ("encounter", None),
    ]
    [reverse] = search("_revinclude=Observation:patient", "Patient").revincludes
    assert (reverse.param.type, reverse.param.code, reverse.target_type) == ("Observation", "patient", "Patient")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("shoe-size=43", "shoe-size"),
        ("_nothing=1", "_nothing"),
        ("subject:Patient.shoe-size=1", "subject:Patient.shoe-size"),
        ("=1", ""),
    ],
)
def test_an_unknown_parameter_is_refused_by_name_unless_handling_is_lenient(query: str, name: str) -> None:
    error = refused(query)
    assert isinstance(error, Incorrect)
    assert error.issue_code == "not-supported"
    assert name.split(".")[-1] in error.what
    assert search(query + "&status=final", lenient=True).ignored == (name,)


@pytest.mark.parametrize(
    "query",
    [
        "_has:Provenance:target:_has:AuditEvent:entity:agent=1",
        "_text:contains=x",
        "_filter=x",
        "_list=1",
        "_elements=id",
        "_summary=true",
        "_include=*",
        "_include=Observation:*",
        "_include:iterate=Observation:subject",
        "code:text=x",
        "code:in=http://example.org/vs",
        "code:not-in=x",
        "code:above=x",
        "subject:identifier=s|1",
        "date=ap2024",
        "code-value-quantity=a$5",
        "subject:Patient.organization.name=x",
        "patient._lastUpdated=2024",
        "_id:missing=true",
    ],
)
def test_what_r4_has_and_this_hub_does_not_is_refused_by_name_even_with_lenient_handling(query: str) -> None:
    error = refused(query)
    assert isinstance(error, Unsupported)
    assert error.issue_code == "not-supported"
    assert query.partition("=")[0].partition(":")[0].partition(".")[0] in error.what
    with pytest.raises(Unsupported):
        search(query, lenient=True)


def test_contains_is_refused_by_name() -> None:
    assert "name" in refused("name:contains=x", "Patient").what


@pytest.mark.parametrize(
    "query",
    [
        "date=yesterday",
        "date=2023-02-29",
        "date=",
        "value-quantity=much",
        "value-quantity=5|mg",
        "value-quantity=1e999999",
        "code:missing=maybe",
        "_count=-1",
        "_count=many",
        "_count=١",
        "_total=all",
        "_summary=some",
        "_sort=shoe-size",
        "_include=Observation",
        "_include=Patient:organization",
        "_include=Observation:code",
        "_include=Observation:subject:Organization",
        "_revinclude=Encounter:subject:Patient",
        "subject=a b",
        "subject=Nothing/1",
        "subject:Organization=1",
        "code.display=x",
        "_id=",
        "_lastUpdated=now",
        "code=" + ",".join("x" * 600),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_the_name_of_its_parameter(query: str) -> None:
    error = refused(query)
    assert isinstance(error, Incorrect)
    name, _, value = query.partition("=")
    assert error.where.startswith(name.partition(":")[0].partition(".")[0])
    assert len(value) < 3 or value not in error.sentence()


def test_a_modifier_nobody_defined_is_refused() -> None:
    assert isinstance(refused("code:loud=1"), Incorrect)


_NAMES = ["code", "date", "patient.name", "_sort", "_count", "value-quantity", "_include"]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(RESOURCE_TYPES)),
    st.lists(st.tuples(st.sampled_from(_NAMES) | st.text(max_size=8), st.text(max_size=12)), max_size=3),
    st.booleans(),
)
def test_any_query_gives_a_search_or_a_clear_refusal(
    resource_type: str, pairs: list[tuple[str, str]], lenient: bool
) -> None:
    try:
        query = parse(resource_type, pairs, lenient=lenient)
    except ExchangeError as error:
        assert error.http_status == 400
    else:
        assert len(query.pairs) + len(query.ignored) == len(pairs)
