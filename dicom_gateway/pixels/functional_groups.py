"""Multi-frame functional groups (PS3.3 C.7.6.16): attributes of one frame of an enhanced object."""

from pydicom.dataset import Dataset

from .unreadable import UNREADABLE


def group_item(header: Dataset, number: int, keyword: str) -> Dataset | None:
    """The item of a functional group macro for frame ``number`` (from 1): its own, else the shared one."""
    try:
        for sequence, at in (("PerFrameFunctionalGroupsSequence", number - 1), ("SharedFunctionalGroupsSequence", 0)):
            items = header.get(sequence, None)
            if items and at < len(items) and (found := items[at].get(keyword, None)):
                return found[0] if isinstance(found[0], Dataset) else None
    except UNREADABLE:  # what the library cannot read is not there
        pass
    return None
