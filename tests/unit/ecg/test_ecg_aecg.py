import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from adapters.ecg.aecg import read
from adapters.ecg.recording import MeasurementKind, Source
from hub.contracts.errors import Incorrect, Unsupported

Edit = Callable[[str, str], bytes]


@pytest.fixture
def edited(samples: dict[str, bytes]) -> Edit:
    text = samples["recording.xml"].decode()

    def replace(old: str, new: str) -> bytes:
        assert re.search(old, text)
        return re.sub(old, new, text).encode()

    return replace


def test_leads_keep_their_integers_and_the_scale_of_the_file(samples: dict[str, bytes], maker) -> None:
    recording = read(samples["recording.xml"])
    assert {lead.name: lead.samples.tolist() for lead in recording.leads} == maker.tracing()
    assert {lead.microvolts_per_bit for lead in recording.leads} == {Decimal("2.5")}
    assert not any(lead.derived for lead in recording.leads)


@pytest.mark.parametrize(
    ("unit", "microvolts"), [("mV", 2500), ("uV", Decimal("2.5")), ("nV", Decimal("0.0025")), ("V", 2_500_000)]
)
def test_the_scale_is_read_in_its_unit(edited: Edit, unit: str, microvolts: Decimal) -> None:
    recording = read(edited('value="2.5" unit="uV"', f'value="2.5" unit="{unit}"'))
    assert recording.leads[0].microvolts_per_bit == microvolts


def test_an_origin_moves_the_tracing_and_not_the_integers(edited: Edit, samples: dict[str, bytes]) -> None:
    moved, plain = (
        read(edited('origin value="0"', 'origin value="125"')).leads[0],
        read(samples["recording.xml"]).leads[0],
    )
    assert (moved.samples == plain.samples).all()
    assert (moved.microvolts() == plain.microvolts() + 125).all()


@pytest.mark.parametrize(
    ("increment", "rate"),
    [('value="1" unit="ms"', 1000), ('value="0.0005" unit="s"', 2000), ('value="8000" unit="us"', 125)],
)
def test_the_sampling_rate_comes_from_the_increment(edited: Edit, increment: str, rate: int) -> None:
    assert read(edited('increment value="0.002" unit="s"', f"increment {increment}")).sampling_rate_hz == rate


def test_a_start_without_a_zone_is_read_in_the_sites_and_says_so(edited: Edit) -> None:
    recording = read(edited(r"\+0800", ""))
    assert recording.start.isoformat() == "2026-11-20T09:30:00+08:00" and recording.zone_assumed


def test_a_date_without_a_time_stays_a_date(edited: Edit) -> None:
    recording = read(edited(r"20261120093000(\.000)?\+0800", "20261120"))
    assert recording.start.isoformat() == "2026-11-20" and not recording.zone_assumed


@pytest.mark.parametrize(
    ("code", "formula"), [("QTcF", "Fridericia"), ("QTC_HODGES", "Hodges"), ("QTc", "unknown"), ("QTcB_GL", "Bazett")]
)
def test_the_formula_of_a_qtc_is_named_where_the_code_names_it(edited: Edit, code: str, formula: str) -> None:
    measured = {m.kind: m for m in read(edited("TIME_PD_QTcB", f"TIME_PD_{code}")).measurements}
    assert measured[MeasurementKind.QTC].formula == formula
    assert measured[MeasurementKind.QT].formula == ""


def test_intervals_in_seconds_become_milliseconds(edited: Edit) -> None:
    measured = {m.kind: m.value for m in read(edited('value="384" unit="ms"', 'value="0.384" unit="s"')).measurements}
    assert measured[MeasurementKind.QT] == 384


def test_what_a_person_annotated_is_a_readers(edited: Edit) -> None:
    author = (
        "<annotationSet><author><assignedEntity><assignedAuthorType><assignedPerson/></assignedAuthorType>"
        "</assignedEntity></author>"
    )
    assert {m.source for m in read(edited("<annotationSet>", author)).measurements} == {Source.READER}


def test_annotations_of_one_beat_or_one_lead_are_no_global_measurements(edited: Edit) -> None:
    boundary = (
        "<support><supportingROI><component><boundary><code code='MDC_ECG_LEAD_II'/></boundary></component>"
        "</supportingROI></support></annotation></component>"
    )
    of_lead = edited(r'(TIME_PD_PR"[^\n]*)</annotation></component>', rf"\1{boundary}")
    assert MeasurementKind.PR not in {m.kind for m in read(of_lead).measurements}


def test_sequence_sets_that_begin_later_keep_their_place_in_time(edited: Edit) -> None:
    later = (
        '</sequenceSet></component><component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE"/>'
        '<value><head value="20261120093005.000+0800"/><increment value="0.002" unit="s"/></value></sequence>'
        "</component>\n"
        '<component><sequence><code code="MDC_ECG_LEAD_V1"'
    )
    leads = {
        lead.name: lead.start_seconds
        for lead in read(edited('<component><sequence><code code="MDC_ECG_LEAD_V1"', later)).leads
    }
    assert leads["I"] == 0 and leads["V1"] == leads["V6"] == 5


def test_leads_of_different_rates_are_refused(edited: Edit) -> None:
    other = (
        '</sequenceSet></component><component><sequenceSet><component><sequence><code code="TIME_RELATIVE"/>'
        '<value><head value="0" unit="s"/><increment value="0.004" unit="s"/></value></sequence></component>\n'
        '<component><sequence><code code="MDC_ECG_LEAD_V1"'
    )
    with pytest.raises(Unsupported, match="different rates"):
        read(edited('<component><sequence><code code="MDC_ECG_LEAD_V1"', other))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"<digits>\S+", "<digits>12.5", "whole numbers"),
        (r"<digits>\S+", "<digits>nan", "whole numbers"),
        (r"<digits>\S+", "<digits>9999999999", "whole numbers"),
        (r"<digits>[^<]*", "<digits>", "no samples"),
        (r'<scale value="2.5" unit="uV"/>', "", "scale"),
        (r'<scale value="2.5"', '<scale value="0"', "scale"),
        (r'unit="s"', 'unit="mmHg"', "time between samples"),
        (r'increment value="0.002"', 'increment value="0"', "time between samples"),
        (r"MDC_ECG_LEAD_\w+", "MDC_PRESS", "no rhythm leads"),
        ("</AnnotatedECG>", "", "not well-formed"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(edited: Edit, old: str, new: str, message: str) -> None:
    with pytest.raises(Incorrect, match=message) as refusal:
        read(edited(old, new))
    assert refusal.value.remedy and "陈" not in refusal.value.sentence()


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE AnnotatedECG [<!ENTITY a 'b'>]>",
        '<!DOCTYPE AnnotatedECG SYSTEM "http://127.0.0.1:1/x.dtd">',
        "<!DOCTYPE AnnotatedECG>",
        '<!DOCTYPE RestingECG SYSTEM "other.dtd">',
    ],
)
def test_any_doctype_is_refused(edited: Edit, declaration: str) -> None:
    with pytest.raises(Incorrect, match="DOCTYPE"):
        read(edited("<AnnotatedECG", f"{declaration}<AnnotatedECG"))


def test_elements_nested_ten_thousand_deep_are_refused(edited: Edit) -> None:
    with pytest.raises(Incorrect):
        read(edited("</AnnotatedECG>", "<a>" * 10_000 + "</a>" * 10_000 + "</AnnotatedECG>"))
