"""A file in, a recording out: detection, the reader of the format, and the bounds that hold for every one of them."""

from hub.contracts.errors import ExchangeError, Incorrect, TooLarge

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
    try:
        recording = READERS[format_of(content)](content)
    except ExchangeError:
        raise
    except Exception:
        raise Incorrect("The file is damaged: it could not be read.", remedy="Send the file again.") from None
    if not any(lead.samples.any() for lead in recording.leads):
        raise Incorrect(
            "Every lead is flat at zero: there is no tracing.", remedy="Check the electrodes and record again."
        )
    if len(recording.statements) > STATEMENTS_LIMIT:
        raise Incorrect("The file holds more statements than an ECG has.", remedy="Export one recording a file.")
    return recording
