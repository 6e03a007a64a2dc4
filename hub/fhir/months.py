"""Months of the site's calendar, for figures."""

from datetime import datetime

from hub.contracts.errors import Incorrect
from hub.contracts.site import ZONE

MOST_MONTHS = 36


def months_between(first: str, last: str) -> list[tuple[str, int, int]]:
    """("YYYY-MM", its first millisecond, that of the next month) of every month from ``first`` to ``last``, both
    included. Raises Incorrect (400)."""
    begin, end = _number(first, "from"), _number(last, "to")
    if begin > end or end - begin >= MOST_MONTHS:
        raise Incorrect(
            "The period is empty or too long.", where="from", remedy=f"Ask for 1 to {MOST_MONTHS} months.",
            http_status=400,
        )  # fmt: skip
    return [(_name(one), _start_ms(one), _start_ms(one + 1)) for one in range(begin, end + 1)]


def _number(text: str, where: str) -> int:
    year, dash, month = text.partition("-")
    digits = (year + month).isascii() and (year + month).isdigit()
    if not (dash and digits and len(year) == 4 and len(month) == 2 and year >= "1900" and "01" <= month <= "12"):
        raise Incorrect("This is no month.", where=where, remedy="Write 2026-11.", http_status=400)
    return int(year) * 12 + int(month) - 1


def _name(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"


def _start_ms(number: int) -> int:
    return int(datetime(number // 12, number % 12 + 1, 1, tzinfo=ZONE).timestamp() * 1000)
