"""``python -m hub.fhir.generator [FOLDER]``: write ``hub/fhir/tables`` from HL7's R4 definitions."""

import sys
from pathlib import Path

from hub.fhir.generator.definitions import ENVIRONMENT, find_folder
from hub.fhir.generator.tables import TABLES, make_tables


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else find_folder()
    if folder is None:
        sys.stderr.write(f"No definitions found. Name their folder, or set {ENVIRONMENT}.\n")
        return 2
    for name, content in make_tables(folder).items():
        (TABLES / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
