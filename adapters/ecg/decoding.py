"""The one edge at which a fault met while decoding a foreign file becomes a refusal of that file.

Readers and the libraries under them stumble over damage in every way there is. Each stumble is counted, its class and
place logged, so that a mistake of our own is not taken for a damaged file for ever.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.contracts.errors import ExchangeError, Incorrect
from hub.telemetry import events, metrics

STUMBLED = events.declare("ecg.undecodable", "warning", ("error", "at"), "A file could not be decoded; it is refused.")
UNDECODABLE = metrics.describe("hub_ecg_undecodable_total", "ECG files refused because decoding them failed.")


@contextmanager
def decoding(refusal: str) -> Iterator[None]:
    """Raises Incorrect with ``refusal`` for whatever goes wrong inside; refusals stated on purpose pass through."""
    try:
        yield
    except ExchangeError:
        raise
    except Exception as failure:
        frame = traceback.extract_tb(failure.__traceback__)[-1]
        metrics.count(UNDECODABLE)
        STUMBLED.log(error=type(failure).__name__, at=f"{Path(frame.filename).name}:{frame.lineno}")
        raise Incorrect(
            refusal, remedy="Send the file again as the cart wrote it; if it stays so, ask for its maker's format."
        ) from None
