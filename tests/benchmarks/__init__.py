"""Speed and memory, as ratios against a named yardstick measured in the same run. Not part of ``make test``."""
