"""``hub routes status``: where images go on to, and what waits, with a running hub or without."""

import argparse
import json

from dicom_gateway.routing.status import routes_status
from hub.app import compose
from hub.settings import Settings


def routes_command(settings: Settings, arguments: argparse.Namespace) -> int:
    """0; 1 where something waits for a destination that cannot be reached."""
    parts = compose(settings)
    try:
        told = routes_status(parts.archive)
    finally:
        parts.close()
    if arguments.json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        for one in told or ():
            reason = f"  {one['failure']}" if one["failure"] else ""
            print(f"{one['destination']:40} {one['state']:9} waiting {one['waiting']}, sent {one['sent']}{reason}")
        if not told:
            print("No routes. Set [[dicom.routes]] in settings.toml.")
    return int(any(one["state"] == "retrying" for one in told))
