"""The one release of OHIF that is taken. OHIF is MIT-licensed and not part of this repository: a site installs it."""

import base64

PACKAGE = "@ohif/app"
VERSION = "3.13.2"
INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
"""Of the tarball, as the registry states it (Subresource Integrity). Nothing else is unpacked."""
LARGEST_TARBALL_BYTES = 64 << 20
SHA512 = base64.b64decode(INTEGRITY.removeprefix("sha512-"))
