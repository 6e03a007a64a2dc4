"""pynetdicom as the client of the tests, and data sets for its requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


@contextmanager
def association(
    server: Any, *classes: str, ae_title: str = "QINGSHAN", syntax: str = EXPLICIT, **more: Any
) -> Iterator[Association]:
    """One that is released at the end; ``more`` goes to ``AE.associate``."""
    ae = AE(ae_title=ae_title)
    for uid in classes:
        ae.add_requested_context(uid, syntax)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 10
    made = ae.associate("127.0.0.1", server.port, ae_title="HUB", **more)
    assert made.is_established
    try:
        yield made
    finally:
        if made.is_established:
            made.release()


def keys(level: str = "", **values: Any) -> Dataset:
    """An identifier: attributes by keyword, "" for universal matching."""
    made = Dataset()
    with disable_value_validation():
        if level:
            made.QueryRetrieveLevel = level
        for name, value in values.items():
            setattr(made, name, value)
    return made


def find(server: Any, sop_class: str, identifier: Dataset, **more: Any) -> tuple[int, list[Dataset]]:
    """(final status, matches) of one C-FIND."""
    with association(server, sop_class, **more) as made, disable_value_validation():
        answers = list(made.send_c_find(identifier, sop_class))
    *pending, (status, _nothing) = answers
    assert all(one.Status in (0xFF00, 0xFF01) for one, _found in pending)
    return int(status.Status), [found for _one, found in pending if found is not None]
