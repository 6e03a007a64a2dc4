"""The store and the search index give the same answer: the same resources in the same order, whatever is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.fhir.months import months_between
from tests.contracts.resource_stores import BAIHE, CENTRE, OWN, QINGSHAN, Json, observation, patient, update
from tests.servers.elasticsearch import ElasticsearchServer
from tests.servers.indexed_county import IndexedCounty

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">磨玻璃</div>'
TWO_CODINGS = {"code": {"coding": [{"code": "718-7"}, {"system": "s"}]}}
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def person(id: str, family: str, given: str, birth: str | None = None, **more: Any) -> Json:
    born = {"birthDate": birth} if birth else {}
    return patient(id, id=id, name=[{"family": family, "given": [given]}], **born, **more)


def measured(id: str, subject: str, code: str, at: str | None, value: float | None = None, **more: Any) -> Json:
    made = observation(f"Patient/{subject}", id=id, code={"coding": [{"system": LOINC, "code": code}]}, **more)
    if at:
        made["effectiveDateTime"] = at
    if value is not None:
        made["valueQuantity"] = {"value": value, "unit": "g/L", "system": UCUM, "code": "g/L"}
    return made


def report(id: str, subject: str, conclusion: str, at: str, **more: Any) -> Json:
    return {
        "resourceType": "DiagnosticReport", "id": id, "status": "final", "code": {"text": "胸部CT"},
        "subject": {"reference": f"Patient/{subject}"}, "effectiveDateTime": at, "conclusion": conclusion, **more,
    }  # fmt: skip


PEOPLE = [
    person("p1", "王", "小明", "1950-01-31", gender="male", active=True, telecom=[{"value": "13800000001"}]),
    person("p2", "王", "芳", "1980-06-15", gender="female", address=[{"city": "嘉祥"}]),
    person("p3", "Müller", "Anna", "1980-07-01", gender="female", active=False),
    person("p4", "李", "伟"),
    person(
        "p5", "王", "小明", "1950-01", communication=[{"language": {"coding": [{"system": "urn:x|=", "code": "zh"}]}}]
    ),
]
RESULTS = [
    measured("o1", "p1", "718-7", "2024-01-01T08:00:00+08:00", 120.0),
    measured("o2", "p1", "718-7", "2024-03-01T08:00:00+08:00", 131.5),
    measured("o3", "p1", "718-7", "2024-02-01", 99.0, status="preliminary"),
    measured("o4", "p1", "6690-2", "2024-02-01T10:00:00Z", 5.4),
    measured("o5", "p2", "718-7", "2024-02-15T10:00:00Z", 140.0),
    measured("o6", "p2", "6690-2", None),
    measured("o7", "p3", "718-7", "2024", -3.5),
    measured("o8", "p4", "718-7", "2024-02-15T10:00:00Z", 140.0) | TWO_CODINGS,
    observation("Patient/p2", id="o9", effectivePeriod={"start": "2023-12-01"}, valueString="见磨玻璃影",
                component=[{"code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
                            "valueQuantity": {"value": 120, "unit": "毫米汞柱"}}]),
]  # fmt: skip
REPORTS = [
    report("r1", "p1", "右肺上叶磨玻璃结节，直径8mm。建议复查", "2024-01-05T09:00:00+08:00"),
    report("r2", "p2", "右肺磨玻璃影\n结节待查", "2024-02-05T09:00:00+08:00", issued="2024-02-06T09:00:00+08:00"),
    report(
        "r3", "p3", "No nodule. 12×8ｍｍ CYST", "2024-02-07", text={"status": "generated", "div": "<div>磨玻璃</div>"}
    ),
    report("r4", "p4", "未见异常", "2024-03-05", result=[{"reference": "Observation/o8"}]),
]
SEARCHES = """
Patient?
Patient?gender=female
Patient?gender:not=female
Patient?gender:missing=true
Patient?gender=female,male
Patient?active=false
Patient?name=王
Patient?name=王小
Patient?name=mul
Patient?name=王,李
Patient?name:exact=Müller
Patient?name:exact=muller
Patient?family=王&given=芳
Patient?phonetic=王
Patient?address-city=嘉
Patient?phone=13800000001
Patient?telecom=13800000001
Patient?identifier=p1
Patient?identifier=|p1
Patient?identifier=https://example.org/his|
Patient?identifier:not=p1
Patient?birthdate=1950
Patient?birthdate=1950-01
Patient?birthdate=ge1980-07
Patient?birthdate=gt1980-06-15
Patient?birthdate=lt1980-06-15
Patient?birthdate=le1980-06-15
Patient?birthdate=ne1980
Patient?birthdate=sa1950-01-30
Patient?birthdate=eb1980-06-16
Patient?birthdate=1950,1980-07-01
Patient?birthdate:missing=true
Patient?_id=p1,p4,p9
Patient?_lastUpdated=gt2020-01-01
Patient?_lastUpdated=lt2020-01-01
Patient?_lastUpdated=ne2020-01-01
Patient?_content=小明
Patient?_content=MULLER anna
Patient?_text=王
Patient?_query=people&find=王小
Patient?_query=people&find=wangx
Patient?_query=people&find=wxm
Patient?_query=people&find=anna
Patient?_query=people&find=0001
Patient?_query=people&find=138000
Patient?_query=people&find=fang 王&gender=female
Patient?_query=people&find=wang&_content=嘉祥
Patient?_has:Observation:patient:code=6690-2
Patient?_has:Observation:subject:value-quantity=gt130&gender=female
Patient?_has:Observation:patient:code=718-7&_has:Observation:patient:status=preliminary
Patient?_has:Observation:patient:patient.gender=female
Patient?_has:DiagnosticReport:patient:conclusion=x
Patient?_has:Observation:patient:code=none
Observation?patient=p1
Observation?subject=Patient/p1,Patient/p2
Observation?subject:Patient=p2
Observation?patient=nobody
Observation?code=718-7
Observation?code=http://loinc.org|718-7
Observation?code=|718-7
Observation?code=s|
Observation?code=http://other|718-7
Observation?code=718-7,6690-2&date=2024-02
Observation?combo-code=8480-6
Observation?combo-code=718-7&patient=p2
Observation?component-code=8480-6
Observation?value-quantity=120
Observation?value-quantity=1.2e2
Observation?value-quantity=131.5|http://unitsofmeasure.org|g/L
Observation?value-quantity=131.5|http://unitsofmeasure.org|mg
Observation?value-quantity=131.5||g/L
Observation?value-quantity=132
Observation?value-quantity=gt120
Observation?value-quantity=ge120&value-quantity=lt140
Observation?value-quantity=le5.4
Observation?value-quantity=ne120
Observation?value-quantity=sa120
Observation?value-quantity=eb0
Observation?value-quantity:missing=true
Observation?combo-value-quantity=120||毫米汞柱
Observation?date=2024-02-01
Observation?date=sa2024-02-01
Observation?date=eb2024-02-01
Observation?date=gt2024-02-01
Observation?date=ge2024-02-15T10:00:00Z
Observation?date=le2024-01
Observation?date=ne2024
Observation?date:missing=true
Observation?status:not=final
Observation?subject:missing=true
Observation?encounter:missing=true
Observation?patient.identifier=p2
Observation?subject:Patient.name=王
Observation?subject:Patient.name=王&subject:Patient.gender=female
Observation?patient.name=nobody
Observation?patient.birthdate=lt1970
Observation?subject:Patient._id=p3
Observation?_content=磨玻璃
Observation?status=final&_content=final
DiagnosticReport?_content=磨玻璃结节
DiagnosticReport?_content=磨玻璃
DiagnosticReport?_content=影结节
DiagnosticReport?_content=8mm
DiagnosticReport?_content=8m
DiagnosticReport?_content=cyst,异常
DiagnosticReport?_content=右肺 复查
DiagnosticReport?_content=肺&status=final&date=ge2024-02
DiagnosticReport?_text=磨玻璃
DiagnosticReport?result=Observation/o8
DiagnosticReport?result.code=718-7
DiagnosticReport?patient.name=王&_content=结节
"""
SORTED = """
Patient?_sort=birthdate
Patient?_sort=-birthdate
Patient?_sort=family,-given
Patient?_sort=-family
Patient?_sort=-_id
Patient?_sort=gender,_id
Patient?_sort=-gender,birthdate
Patient?_sort=_lastUpdated
Patient?_sort=-_lastUpdated
Patient?name=王&_sort=-given
Patient?_query=people&find=w&_sort=-birthdate
Patient?name=王&_sort=birthdate
Observation?code=718-7&_sort=-date
Observation?code=718-7&_sort=date
Observation?_sort=-date
Observation?_sort=date
Observation?status=final&_sort=-date
Observation?_sort=value-quantity
Observation?_sort=-value-quantity
Observation?code=718-7&_sort=-value-quantity
Observation?_sort=subject,-value-quantity
Observation?_sort=code,-status
Observation?status=final&_sort=_lastUpdated
DiagnosticReport?_sort=-date&_content=磨玻璃
DiagnosticReport?_sort=issued
Patient?_has:Observation:patient:status=final&_sort=-birthdate
"""
SCOPES = (
    EVERYTHING,
    OWN["qingshan"],
    OWN["baihe"],
    Scope(owners=frozenset({"qingshan", "baihe"})),
    Scope(owners=frozenset({"elsewhere"}), sender="district"),
    Scope(owners=frozenset({"imaging-centre"}), hidden_types=frozenset({"Observation"})),
)


@pytest.fixture(scope="module")
def county(elasticsearch: ElasticsearchServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedCounty]:
    made = IndexedCounty(tmp_path_factory.mktemp("engines"), elasticsearch.url, "engines")
    for resources, by in ((PEOPLE, QINGSHAN), (RESULTS, QINGSHAN), (REPORTS[:2], CENTRE), (REPORTS[2:], BAIHE)):
        for one in resources:
            made.submit(update(one), by=by)
    other = [measured(f"b{number}", "p1", "718-7", f"2024-02-{number + 1:02d}", 100.0 + number) for number in range(5)]
    made.submit(*(update(one) for one in other), by=BAIHE)
    made.settle()
    yield made
    made.close()


@pytest.mark.parametrize("text", SEARCHES.split("\n")[1:-1])
def test_both_engines_find_the_same(county: IndexedCounty, text: str) -> None:
    for scope in SCOPES:
        if scope.sees_type(text.partition("?")[0]):
            expected = county.ids(text, scope)
            found = county.index_ids(text, scope)
            assert sorted(found) == sorted(expected)
            assert county.find(f"{text}&_summary=count", scope).total == len(expected) == county.total(text, scope)
            if len(found) > 1:
                assert county.index_ids(f"{text}&_count=1", scope) == found


@pytest.mark.parametrize("text", SORTED.split("\n")[1:-1])
def test_both_engines_give_the_same_order_on_pages_of_any_size(county: IndexedCounty, text: str) -> None:
    for scope in SCOPES:
        if scope.sees_type(text.partition("?")[0]):
            expected = county.ids(text, scope)
            for count in (1, 2, 50):
                assert county.index_ids(f"{text}&_count={count}", scope) == expected


@pytest.mark.parametrize("owner", [None, "imaging-centre", "baihe", "nobody"])
def test_both_engines_count_the_same_by_organization_and_month(county: IndexedCounty, owner: str | None) -> None:
    months = months_between("2023-12", "2024-03")
    for kind in ("DiagnosticReport", "Observation"):
        counted = county.store.activity(kind, months, owner)
        assert county.runner.run(county.searches.activity(kind, months, owner)) == (dict(counted), "index")
    reads = county.store.activity("DiagnosticReport", months, None)
    assert reads == {
        ("imaging-centre", "2024-01"): 1, ("imaging-centre", "2024-02"): 1,
        ("baihe", "2024-02"): 1, ("baihe", "2024-03"): 1,
    }  # fmt: skip
