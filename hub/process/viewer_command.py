"""``hub viewer install``: puts OHIF beside the records, with a running hub or without."""

import functools
import sys
from pathlib import Path

from hub.contracts.errors import ExchangeError
from hub.settings import Settings
from hub.viewer import tarball
from hub.viewer.installed import Viewer
from hub.viewer.release import PACKAGE, VERSION


def install(settings: Settings, file: Path | None) -> int:
    """0 when it is there, whole (already, or now); 2 with one sentence where it cannot be had."""
    viewer = Viewer(settings.viewer_folder)
    if viewer.is_whole():
        print(f"{PACKAGE} {VERSION} is installed in {viewer.release}.")
        return 0
    try:
        if file is None:
            address = tarball.registry()
            print(f"Fetching {PACKAGE} {VERSION} from {address} …", file=sys.stderr)
            fetch = functools.partial(tarball.download, address=address)
        else:
            fetch = functools.partial(tarball.copy, file)
        release = viewer.install(fetch)
    except ExchangeError as refusal:
        print(f"hub viewer: {refusal.sentence()}", file=sys.stderr)
        return 2
    except OSError as failure:
        told = f"{settings.viewer_folder} cannot be written ({failure}). Make room, or run it as the user of the hub."
        print(f"hub viewer: {told}", file=sys.stderr)
        return 2
    print(f"{PACKAGE} {VERSION} is installed in {release}; the hub serves it at /viewer.")
    return 0
