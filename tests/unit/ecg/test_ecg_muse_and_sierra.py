import pytest

from adapters.ecg.read import read
from hub.contracts.errors import Incorrect


def test_a_muse_export_of_eight_leads_gains_four_marked_as_derived(muse: bytes, maker) -> None:
    recording = read(muse)
    tracing = maker.tracing()
    leads = {lead.name: lead for lead in recording.leads}
    assert [name for name, lead in leads.items() if lead.derived] == ["III", "aVR", "aVL", "aVF"]
    assert leads["V1"].samples.tolist() == tracing["V1"]
    assert leads["III"].samples.tolist() == tracing["III"]
    assert (leads["aVF"].microvolts() == leads["II"].microvolts() - leads["I"].microvolts() / 2).all()
    assert (leads["aVR"].microvolts() == -(leads["I"].microvolts() + leads["II"].microvolts()) / 2).all()


def test_a_muse_export_names_only_the_formula_it_states(muse: bytes) -> None:
    assert {(m.formula, int(m.value)) for m in read(muse).measurements if m.formula} == {
        ("unknown", 421),
        ("Fridericia", 408),
    }


def test_placeholders_of_a_muse_export_name_nobody(muse: bytes) -> None:
    facts = read(muse).patient
    assert (facts.identifier, facts.name, facts.birth_date, facts.sex) == ("", "", "", "F")


def test_a_muse_export_with_an_entity_in_its_doctype_is_refused(muse: bytes) -> None:
    with pytest.raises(Incorrect, match="DOCTYPE"):
        read(muse.replace(b'"restecg.dtd">', b'"restecg.dtd" [<!ENTITY a "b">]>'))


def test_a_muse_export_cut_short_is_refused(muse: bytes) -> None:
    with pytest.raises(Incorrect):
        read(muse.replace(b"<LeadSampleCountTotal>2500", b"<LeadSampleCountTotal>2600", 1))


def test_the_calibration_pulse_of_a_sierra_export_is_cut_off(sierra: bytes, maker) -> None:
    leads = {lead.name: lead.samples.tolist() for lead in read(sierra).leads}
    assert leads == maker.tracing()


def test_a_statement_of_the_cart_stands_word_for_word(sierra: bytes) -> None:
    assert [statement.text for statement in read(sierra).statements] == [">>> Acute MI <<<"]


def test_a_compressed_waveform_of_absurd_length_is_refused_before_it_is_unpacked(sierra: bytes) -> None:
    packed = sierra.replace(b'compressflag="False"', b'compressflag="True" compressmethod="XLI"')
    huge = packed.replace(b'nbitspersample="16">', b'nbitspersample="16">' + b"A" * 300_000)
    with pytest.raises(Incorrect, match="longer than a resting ECG"):
        read(huge)
