"""C-FIND of both roots: levels, keys, matching, counts, character sets, tenancy, bad requests (PS3.4 annex C)."""

import time
from typing import Any

import pytest
from dicom_clients import EXPLICIT, IMPLICIT, association, find, keys
from dicom_objects import image, part10
from dicom_parts import BAIHE, QINGSHAN, RecordingAudit
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from hub.contracts.caller import Caller, Role

A, B, C = "1.2.3.1", "1.2.3.2", "1.2.3.3"


def fill(server: DicomServer) -> None:
    """Study A: CT of two series and an SR; B: an X-ray a month later; C: of another organization."""
    store = ArchiveInstanceStore(server.archive)
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CT-CH", "L", "胸部CT"
    for series, number, modality in ((f"{A}.1", 1, "CT"), (f"{A}.1", 2, "CT"), (f"{A}.2", 1, "SR")):
        made = image(
            SpecificCharacterSet="GB18030", StudyInstanceUID=A, SeriesInstanceUID=series,
            SOPInstanceUID=f"{series}.{number}", InstanceNumber=number, SeriesNumber=int(series[-1]),
            PatientID="P1", PatientName="陈^秀英", Modality=modality, StudyDate="20261101",
            StudyTime="081500", AccessionNumber="ACC-A", StudyDescription="胸部CT平扫",
            InstitutionName="青山镇卫生院", ProcedureCodeSequence=[code],
        )  # fmt: skip
        store.store(part10(made), QINGSHAN)
    x_ray = image(
        StudyInstanceUID=B, SeriesInstanceUID=f"{B}.1", PatientID="P2", PatientName="Li^Ming", Modality="DX",
        StudyDate="20261201", StudyTime="173000", AccessionNumber="ACC-B", PatientSex="M",
    )  # fmt: skip
    store.store(part10(x_ray), QINGSHAN)
    other = image(StudyInstanceUID=C, PatientID="P1", PatientName="Zhou^Qi", StudyDate="20261105")
    store.store(part10(other), BAIHE)


@pytest.fixture
def filled(server: DicomServer) -> DicomServer:
    fill(server)
    return server


def studies(server: DicomServer, **asked: Any) -> list[str]:
    """Study Instance UIDs that match, sorted."""
    status, found = find(server, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID="", **asked))
    assert status == 0
    return sorted(one.StudyInstanceUID for one in found)


SELECTIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, [A, B]),
    ({"PatientID": "*"}, [A, B]),
    ({"PatientID": "P1"}, [A]),
    ({"PatientID": "P?"}, [A, B]),
    ({"PatientID": "p1"}, []),
    ({"PatientName": "陈*"}, [A]),
    ({"PatientName": "li^ming"}, [B]),
    ({"StudyDate": "20261101"}, [A]),
    ({"StudyDate": "20261102-"}, [B]),
    ({"StudyDate": "-20261130"}, [A]),
    ({"StudyDate": "20261101-20261231", "StudyTime": "16-18"}, [B]),
    ({"ModalitiesInStudy": "SR"}, [A]),
    ({"ModalitiesInStudy": ["DX", "CR"]}, [B]),
    ({"Modality": "DX"}, [B]),
    ({"AccessionNumber": "ACC-*"}, [A, B]),
    ({"PatientSex": "M"}, [B]),
    ({"InstitutionName": "青山*"}, [A]),
    ({"SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.2", "PatientSex": "M"}, [B]),
    ({"SOPClassesInStudy": "1.2.3"}, []),
]


def test_keys_select_studies(filled: DicomServer) -> None:
    for asked, expected in SELECTIONS:
        assert studies(filled, SpecificCharacterSet="ISO_IR 192", **asked) == expected, asked


def test_a_list_of_uids_selects_each_of_them(filled: DicomServer) -> None:
    status, found = find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID=[A, B, "1.9"], AccessionNumber=""))
    assert status == 0
    assert sorted(one.AccessionNumber for one in found) == ["ACC-A", "ACC-B"]


def test_a_sequence_is_matched_by_its_item(filled: DicomServer) -> None:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "CT-CH", ""
    asked = keys("STUDY", StudyInstanceUID="", ProcedureCodeSequence=[item])
    _status, (found,) = find(filled, STUDY_ROOT_FIND, asked)
    assert found.StudyInstanceUID == A
    assert found.ProcedureCodeSequence[0].CodeMeaning == "胸部CT"
    item.CodeValue = "MR-*"
    assert find(filled, STUDY_ROOT_FIND, asked) == (0, [])


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_study_comes_with_what_was_asked_and_its_counts(filled: DicomServer, syntax: str) -> None:
    asked = keys(
        "STUDY", StudyInstanceUID=A, PatientName="", StudyDate="", ModalitiesInStudy="", NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="", SOPClassesInStudy="", NumberOfPatientRelatedStudies="", RetrieveAETitle="",
        InstitutionName="", ReasonForStudy="", InstanceAvailability="",
    )  # fmt: skip
    status, (found,) = find(filled, STUDY_ROOT_FIND, asked, syntax=syntax)
    assert status == 0
    assert found.PatientName == "陈^秀英"
    assert found.StudyDate == "20261101"
    assert list(found.ModalitiesInStudy) == ["CT", "SR"]
    assert (found.NumberOfStudyRelatedSeries, found.NumberOfStudyRelatedInstances) == (2, 3)
    assert found.NumberOfPatientRelatedStudies == 1
    assert found.SOPClassesInStudy == "1.2.840.10008.5.1.4.1.1.2"
    assert (found.RetrieveAETitle, found.InstanceAvailability) == ("HUB", "ONLINE")
    assert found.InstitutionName == "青山镇卫生院"
    assert found.ReasonForStudy is None or found.ReasonForStudy == ""
    assert found.QueryRetrieveLevel == "STUDY"
    assert "AccessionNumber" not in found


def test_series_and_images_below_their_unique_keys(filled: DicomServer) -> None:
    asked = keys("SERIES", StudyInstanceUID=A, SeriesInstanceUID="", Modality="", NumberOfSeriesRelatedInstances="")
    _status, found = find(filled, STUDY_ROOT_FIND, asked)
    assert [(one.Modality, one.NumberOfSeriesRelatedInstances) for one in found] == [("CT", 2), ("SR", 1)]
    asked = keys(
        "IMAGE",
        StudyInstanceUID=A,
        SeriesInstanceUID=f"{A}.1",
        SOPInstanceUID="",
        InstanceNumber="2",
        Rows="",
        WindowCenter="",
    )
    _status, (image_two,) = find(filled, STUDY_ROOT_FIND, asked)
    assert (image_two.SOPInstanceUID, image_two.InstanceNumber, image_two.Rows) == (f"{A}.1.2", 2, 8)


def test_patients_are_one_for_each_number_of_an_organization(filled: DicomServer) -> None:
    asked = keys("PATIENT", PatientID="", PatientName="", NumberOfPatientRelatedInstances="")
    _status, found = find(filled, PATIENT_ROOT_FIND, asked)
    assert {one.PatientID: one.NumberOfPatientRelatedInstances for one in found} == {"P1": 3, "P2": 1}
    _status, (study,) = find(filled, PATIENT_ROOT_FIND, keys("STUDY", PatientID="P2", StudyInstanceUID=""))
    assert study.StudyInstanceUID == B


def test_answers_come_in_the_character_set_the_peer_reads(filled: DicomServer) -> None:
    """By its label, by default, and by default again where its own set cannot hold the name."""
    encodings = {"GB18030": "gb18030", "ISO_IR 192": "utf-8", "": "gb18030", "ISO_IR 100": "gb18030"}
    for label, encoding in encodings.items():
        asked = keys("STUDY", StudyInstanceUID=A, PatientName="")
        if label:
            asked.SpecificCharacterSet = label
        _status, (found,) = find(filled, STUDY_ROOT_FIND, asked)
        assert found.SpecificCharacterSet == {"utf-8": "ISO_IR 192", "gb18030": "GB18030"}[encoding]
        assert found["PatientName"].value.original_string == "陈^秀英".encode(encoding)


def test_the_iso_2022_set_of_older_consoles_is_answered_with_its_escapes(filled: DicomServer) -> None:
    asked = keys("STUDY", StudyInstanceUID=A, PatientName="", SpecificCharacterSet=["", "ISO 2022 IR 58"])
    _status, (found,) = find(filled, STUDY_ROOT_FIND, asked)
    escape = b"\x1b$)A"
    raw = found["PatientName"].value.original_string
    assert raw == escape + "陈".encode("gb2312") + b"^" + escape + "秀英".encode("gb2312")


def test_unlabelled_utf_8_is_answered_in_utf_8(filled: DicomServer) -> None:
    asked = keys("STUDY", StudyInstanceUID="")
    asked.add_new(0x00100010, "PN", "陈*".encode())
    _status, (found,) = find(filled, STUDY_ROOT_FIND, asked)
    assert found.SpecificCharacterSet == "ISO_IR 192"


def test_a_caller_finds_what_its_client_may_see(filled: DicomServer, recording_hub: Any, audit: RecordingAudit) -> None:
    _status, found = find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID=""), ae_title="BAIHE")
    assert [one.StudyInstanceUID for one in found] == [C]
    recording_hub.titles["CENTRE"] = Caller("centre", Role.READER, "centre")
    _status, found = find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID=""), ae_title="CENTRE")
    assert len(found) == 3
    status, found = find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID=""), ae_title="OPERATOR")
    assert (status, found) == (0x0124, [])
    assert [note[:2] for note in audit.notes] == [("baihe", "c-find"), ("centre", "c-find")]


def test_what_a_query_touches_is_audited_by_patient(filled: DicomServer, audit: RecordingAudit) -> None:
    deadline = time.monotonic() + 10
    while filled.archive.index.telling.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)
    find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID="", PatientID="P1"))
    assert audit.notes == [("qingshan", "c-find", ("patient-1",))]


WRONG = [
    (keys(StudyInstanceUID=""), 0x00080052),
    (keys("FRAME", StudyInstanceUID=""), 0x00080052),
    (keys("PATIENT", PatientID=""), 0x00080052),
    (keys("SERIES", SeriesInstanceUID=""), 0x0020000D),
    (keys("SERIES", StudyInstanceUID="*", SeriesInstanceUID=""), 0x0020000D),
    (keys("IMAGE", StudyInstanceUID="1.2", SOPInstanceUID=""), 0x0020000E),
    (keys("STUDY", StudyInstanceUID="", StudyDate="20261301x"), 0x00080020),
]


def test_a_wrong_identifier_is_refused_with_the_element(filled: DicomServer) -> None:
    """And the association lives on."""
    with association(filled, STUDY_ROOT_FIND) as made:
        for identifier, tag in WRONG:
            with disable_value_validation():
                ((answer, _nothing),) = made.send_c_find(identifier, STUDY_ROOT_FIND)
            assert (answer.Status, answer.OffendingElement) == (0xA900, tag)
        right = made.send_c_find(keys("STUDY", StudyInstanceUID=A), STUDY_ROOT_FIND)
        assert [one.Status for one, _found in right] == [0xFF00, 0]


def test_relational_queries_are_agreed_on_and_need_no_keys_above(filled: DicomServer) -> None:
    asked = SOPClassExtendedNegotiation()
    asked.sop_class_uid, asked.service_class_application_information = UID(STUDY_ROOT_FIND), b"\1\1\1"
    with association(filled, STUDY_ROOT_FIND, ext_neg=[asked]) as made:
        assert made.acceptor.sop_class_extended == {STUDY_ROOT_FIND: b"\1\0\0"}
        series = list(made.send_c_find(keys("SERIES", SeriesInstanceUID="", Modality="SR"), STUDY_ROOT_FIND))
        assert [found.SeriesInstanceUID for _status, found in series if found is not None] == [f"{A}.2"]


HOSTILE = ["../../etc/passwd", "1.2; DROP TABLE study", "1..2", "1" * 65, "1.2*"]


def test_hostile_uids_are_refused(filled: DicomServer) -> None:
    for uid in HOSTILE:
        assert find(filled, STUDY_ROOT_FIND, keys("STUDY", StudyInstanceUID=uid)) == (0xA900, []), uid


def test_hostile_wildcards_take_no_time(filled: DicomServer) -> None:
    asked = keys("STUDY", StudyInstanceUID="", AccessionNumber="*A" * 7 + "*", PatientName="*" + "?*" * 30 + "x")
    assert find(filled, STUDY_ROOT_FIND, asked) == (0, [])


class TestLimits:
    @pytest.fixture
    def settings(self) -> DicomSettings:
        return DicomSettings(quiet_seconds=60, free_space_floor_bytes=0, maximum_matches=1, network_seconds=5)

    def test_more_matches_than_the_limit_end_with_a_refusal(self, filled: DicomServer) -> None:
        with association(filled, STUDY_ROOT_FIND) as made:
            answers = list(made.send_c_find(keys("STUDY", StudyInstanceUID=""), STUDY_ROOT_FIND))
        assert answers[-1][0].Status == 0xA700
        assert "narrow" in answers[-1][0].ErrorComment


def test_a_query_that_is_taken_back_ends_early(server: DicomServer) -> None:
    store = ArchiveInstanceStore(server.archive)
    content = part10(image(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.4", SOPInstanceUID="1.2.5"))
    many = 300
    for number in range(many):
        study, instance = (f"{root}.{number + 100}".encode().ljust(6, b"\0") for root in (1, 2))
        store.store(content.replace(b"1.2.3\0", study).replace(b"1.2.5\0", instance), QINGSHAN)
    with association(server, STUDY_ROOT_FIND) as made:
        answers = made.send_c_find(keys("STUDY", StudyInstanceUID="", ProtocolName=""), STUDY_ROOT_FIND, msg_id=7)
        made.send_c_cancel(7, 1)
        statuses = [answer.Status for answer, _found in answers]
    assert statuses[-1] == 0xFE00
    assert len(statuses) < many
