"""The gate gives the same answer every time: property tests draw the same examples in each run.

``HYPOTHESIS_PROFILE=explore make unit`` draws new ones; what it finds becomes an example or a test of its own.
"""

import os

from hypothesis import settings

settings.register_profile("gate", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
