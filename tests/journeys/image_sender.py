"""Sends made-up images by C-STORE until it is ended, and prints one line for each that was acknowledged.

    python -m tests.journeys.image_sender HOST PORT CALLING_AE

A process of its own: pynetdicom's sender leaves the sockets of refused connections to the collector, which a test that
takes warnings for errors cannot have.
"""

import base64
import json
import random
import sys
import time

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from pynetdicom import AE


def image(number: int) -> Dataset:
    """A small secondary capture of its own study."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientID, made.PatientName, made.Modality = f"P{number % 50}", "Ce^Shi", "OT"
    made.Rows = made.Columns = 64
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = random.Random(number).randbytes(64 * 64)
    return made


def main(host: str, port: int, calling: str) -> None:
    sender = AE(calling)
    sender.add_requested_context(SecondaryCaptureImageStorage, ExplicitVRLittleEndian)
    number, next_image = 0, image(0)
    while True:
        association = sender.associate(host, port)
        if not association.is_established:
            time.sleep(0.05)
            continue
        for _ in range(20):
            status = association.send_c_store(next_image) if association.is_established else None
            if not status:
                break
            told = {"status": status.Status, "uid": next_image.SOPInstanceUID}
            if status.Status == 0:
                told["pixels"] = base64.b64encode(next_image.PixelData).decode()
                number += 1
                next_image = image(number)
            print(json.dumps(told), flush=True)
        if association.is_established:
            association.release()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
