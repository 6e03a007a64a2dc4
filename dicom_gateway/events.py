"""Log events and counters of this room. Fields name clients, AE titles, tags and counts; nothing of a patient."""

import traceback
from pathlib import Path

from hub.telemetry.events import declare
from hub.telemetry.metrics import describe

SERVING = declare("dicom.serving", "info", ("port", "ae_title", "fast_receive"), "The DICOM door is open.")
FAST_RECEIVE_OFF = declare(
    "dicom.fast_receive_off", "warning", ("why",),
    "The library's internals are not as expected; every C-STORE takes its own, slower path.",
)  # fmt: skip
ASSOCIATION_REFUSED = declare(
    "dicom.association_refused", "warning", ("ae_title", "address", "why"), "An A-ASSOCIATE-RQ was rejected."
)
ASSOCIATION_BROKEN = declare(
    "dicom.association_broken", "info", ("ae_title", "why"), "An association ended against the protocol."
)
TLS_FAILED = declare(
    "dicom.tls_failed", "warning", ("ae_title", "error", "why"),
    "A TLS connection with a destination did not come about: see its certificate, and the authority in the settings.",
)  # fmt: skip
STORE_REFUSED = declare(
    "dicom.store_refused", "warning", ("client", "ae_title", "status", "what", "where"), "A C-STORE was not accepted."
)
SERVICE_REFUSED = declare(
    "dicom.service_refused", "warning", ("client", "ae_title", "service", "status", "what", "where"),
    "A query, retrieval or other request was answered with a failure.",
)  # fmt: skip
FAILED = declare("dicom.failed", "error", ("part", "error", "at"), "The gateway itself failed.")
STUDY_NOT_TOLD = declare(
    "dicom.study_not_told", "warning", ("client", "what", "where", "tries"), "The hub did not take an ImagingStudy."
)
STEP_NOT_TOLD = declare(
    "dicom.step_not_told", "warning", ("client", "what", "where", "tries"),
    "The hub did not take the Task of a performed procedure step.",
)  # fmt: skip
COMMITMENT_NOT_REPORTED = declare(
    "dicom.commitment_not_reported", "warning", ("ae_title", "what", "tries"),
    "A storage commitment report did not reach its device.",
)  # fmt: skip
ARCHIVE_CLOSED = declare(
    "dicom.archive_unreachable", "warning", ("archive", "what", "failures"),
    "A distant archive has failed several times in a row; it is left alone for a while.",
)  # fmt: skip
ARCHIVE_WRONG = declare(
    "dicom.archive_wrong_object", "error", ("archive", "what", "where"),
    "A distant archive gave another object than the one asked for; it was not taken.",
)  # fmt: skip
STUDY_NOT_LOOKED_UP = declare(
    "dicom.study_not_looked_up", "warning", ("archive", "what", "tries"),
    "A study of a distant archive could not be looked up; it is tried again.",
)  # fmt: skip
NOT_ROUTED = declare(
    "dicom.not_routed", "warning", ("destination", "what", "waiting"),
    "A destination of a routing rule did not take its objects; they are tried again.",
)  # fmt: skip
TORN = declare(
    "dicom.torn", "warning", ("instances",), "Objects that a crash cut short, and nobody was told of, were removed."
)
SWEPT = declare("dicom.swept", "info", ("files",), "Spool files left over from a crash were removed.")

INSTANCES = describe("hub_dicom_instances_total", "Objects received, by outcome.")
BYTES = describe("hub_dicom_received_bytes_total", "Bytes of objects received and kept.")
ASSOCIATIONS = describe("hub_dicom_associations_total", "Associations, by how they were answered.")
COMMITMENTS = describe("hub_dicom_commitments_total", "Storage commitment reports that devices have taken.")
DISTANT_QUESTIONS = describe(
    "hub_dicom_distant_questions_total", "Questions to distant archives, by archive and outcome."
)
DISTANT_FETCHED = describe("hub_dicom_distant_fetched_total", "Objects fetched from distant archives, by archive.")
DISTANT_BYTES = describe("hub_dicom_distant_fetched_bytes_total", "Bytes of objects fetched, by archive.")
DISTANT_PUSHED = describe("hub_dicom_distant_pushed_total", "ImagingStudies posted that live at an archive.")
DISTANT_STUDIES = describe("hub_dicom_distant_studies_total", "Studies looked up at distant archives, by archive.")
ROUTED = describe("hub_dicom_routed_total", "Objects that a destination of a routing rule has taken.")
STUDIES_TOLD = describe("hub_dicom_studies_told_total", "ImagingStudy versions the hub has taken.")


def log_fault(part: str, failure: BaseException) -> None:
    """An error of our own: its class and where in the code, no message (it could quote data)."""
    frames = traceback.extract_tb(failure.__traceback__)
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    FAILED.log(part=part, error=type(failure).__name__, at=at)
