"""Two copies of one object: which of them is right is somebody's decision; another way of writing is no difference."""

import io

import numpy as np
import pydicom
import pytest
from dicom_objects import image, part10
from dicom_parts import BAIHE, OPERATOR, QINGSHAN, RecordingHub
from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGLSLossless, RLELossless

from dicom_gateway.archive import Archive, Outcome, Sender
from dicom_gateway.corrections.reconciliation import Reconciliation
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.study_index.acts import By
from dicom_gateway.study_index.corrections import Corrected, Subject, correct
from dicom_gateway.verify import verify
from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Conflict, Incorrect, NotFound


def keep(archive: Archive, content: bytes) -> Outcome:
    file = archive.spool.create()
    file.write(content)
    syntax, at = read_file_meta(content)
    return archive.keep(file, at, syntax, Sender(QINGSHAN)).outcome


def gradient(**attributes: object) -> Dataset:
    made = image(**attributes)
    made.PixelData = np.arange(64, dtype="<u2").tobytes()
    return made


def compressed(made: Dataset, syntax: UID) -> bytes:
    copy = pydicom.dcmread(io.BytesIO(part10(made)))
    copy.compress(syntax, generate_instance_uid=False)
    return part10(copy)


def served(archive: Archive, made: Dataset) -> bytes:
    (row,) = archive.served.current(archive.index.instances(EVERYTHING, made.StudyInstanceUID))
    with archive.files.file(row) as view:
        return bytes(view)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_a_transcoded_copy_with_equal_decoded_pixels_is_the_same(archive: Archive, syntax: UID) -> None:
    made = gradient()
    assert keep(archive, part10(made)) is Outcome.STORED
    assert keep(archive, compressed(made, syntax)) is Outcome.SAME
    assert served(archive, made) == part10(made)
    other = gradient(SOPInstanceUID=made.SOPInstanceUID)
    other.PixelData = other.PixelData[::-1]
    with pytest.raises(Conflict):
        keep(archive, compressed(other, syntax))


def test_a_transcoded_copy_with_another_header_is_to_be_reconciled(
    archive: Archive, recording_hub: RecordingHub
) -> None:
    made = gradient()
    keep(archive, part10(made))
    made.PatientName = "Corrected^Name"
    assert keep(archive, compressed(made, RLELossless)) is Outcome.RECONCILE
    assert recording_hub.refusals[0][0].state == "reconcile"


def test_the_new_header_is_taken_and_the_first_file_kept(archive: Archive) -> None:
    made = gradient()
    first = part10(made)
    keep(archive, first)
    made.PatientName, made.PatientID = "Corrected^Name", "P2"
    second = part10(made)
    assert keep(archive, second) is Outcome.RECONCILE
    reconciliation = Reconciliation(archive)
    reconciliation.take_new(second, QINGSHAN, OPERATOR, "设备上已更正")
    reconciliation.take_new(second, QINGSHAN, OPERATOR, "再次")
    assert served(archive, made) == second
    assert archive.index.rows("SELECT patient_id, patient_name FROM study") == [("P2", "Corrected^Name")]
    (act,) = archive.index.acts.of(1)
    assert (act.by.client, act.by.reason) == ("operator", "设备上已更正")
    assert keep(archive, first) is Outcome.SAME
    assert keep(archive, second) is Outcome.SAME
    assert list(verify(archive)) == []


def test_a_correction_outlives_the_new_header(archive: Archive) -> None:
    made = gradient()
    keep(archive, part10(made))
    by = By("qingshan", "clinic", "qingshan", None, 1, "选错患者")
    subject, said = Subject("qingshan", made.StudyInstanceUID), Corrected(patient_id="P9", patient_name="Right")
    archive.index.writer.submit(lambda connection: correct(connection, subject, said, by)).result()
    served(archive, made)
    made.StudyDescription = "Chest"
    Reconciliation(archive).take_new(part10(made), QINGSHAN, QINGSHAN, "补充描述")
    given = pydicom.dcmread(io.BytesIO(served(archive, made)))
    assert (given.PatientID, given.StudyDescription) == ("P9", "Chest")


def test_what_cannot_be_reconciled_is_refused(archive: Archive) -> None:
    made = gradient()
    reconciliation = Reconciliation(archive)
    with pytest.raises(NotFound):
        reconciliation.take_new(part10(made), QINGSHAN, QINGSHAN, "x")
    keep(archive, part10(made))
    with pytest.raises(NotFound):
        reconciliation.take_new(part10(made), BAIHE, BAIHE, "x")
    with pytest.raises(Incorrect):
        reconciliation.take_new(part10(made), QINGSHAN, QINGSHAN, " ")
    made.PixelData = made.PixelData[::-1]
    with pytest.raises(Conflict):
        reconciliation.take_new(part10(made), QINGSHAN, QINGSHAN, "x")
