"""The composition root: the only place that names backends and satellites, and wires the rooms to each other."""

from .parts import Parts, compose

__all__ = ["Parts", "compose"]
