"""A file in, a recording out: detection, the reader of the format, and the bounds that hold for every one of them."""

from hub.contracts.errors import Incorrect, TooLarge

from .decoding import decoding
from .detect import READERS, format_of
from .recording import Recording

LIMIT_BYTES = 64 << 20
STATEMENTS_LIMIT = 1000


def read(content: bytes) -> Recording:
    """The recording in a file.

    Raises TooLarge, Unsupported, or Incorrect for anything else that is wrong with it; no other exception leaves here.
    Not promised: that waveforms are plausible. Work is bounded by the limits of each reader.
    """
    if len(content) > LIMIT_BYTES:
        raise TooLarge(
            f"The file is larger than {LIMIT_BYTES >> 20} MB.", remedy="Split the recording, or send its resting strip."
        )
    if not content:
        raise Incorrect("The file is empty.", remedy="Send the file again.")
    format_ = format_of(content)
    with decoding(f"The file looks like {format_.value} but could not be decoded."):
        recording = READERS[format_](content)
    if not any(lead.samples.any() for lead in recording.leads):
        raise Incorrect(
            "Every lead is flat at zero: there is no tracing.", remedy="Check the electrodes and record again."
        )
    if len(recording.statements) > STATEMENTS_LIMIT:
        raise Incorrect("The file holds more statements than an ECG has.", remedy="Export one recording a file.")
    return recording
