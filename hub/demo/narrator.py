"""Says what happens, step by step, in Chinese and English, and remembers what failed."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepFailed(Exception):
    """A step did not do what it says. The text stands in the closing list."""


class Narrator:
    """Prints one line a step: number, what is done, how long it took, what came of it."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._number = 0
        self._notes: list[str] = []

    def chapter(self, chinese: str, english: str) -> None:
        self._print(f"\n━━ {chinese}  {english}")

    def note(self, text: str) -> None:
        """A fact for the line below the step that is running."""
        self._notes.append(text)

    @contextmanager
    def step(self, chinese: str, english: str) -> Iterator[None]:
        """Announce a step and report how it went; a failure is recorded and raised again."""
        self._number += 1
        self._notes = []
        title = f"{self._number:>2}. {chinese} · {english}"
        self._print(f"   {title} …", end="\r" if sys.stdout.isatty() else "\n")
        started = time.monotonic()
        try:
            yield
        except Exception as error:
            self.failures.append(f"{title}: {error or type(error).__name__}")
            self._print(f" ✗ {title}\n      {error or type(error).__name__}")
            raise
        self._print(f" ✓ {title}  ({time.monotonic() - started:.1f} s)")
        for text in self._notes:
            self._print(f"      {text}")

    def say(self, text: str) -> None:
        self._print(text)

    @staticmethod
    def _print(text: str, end: str = "\n") -> None:
        sys.stdout.write(text + end)
        sys.stdout.flush()
