"""What examinations cost, as a site tells: nothing is built in. Columns ``item`` (a name that the parser reads, such as
胸部CT平扫, or a key of the figures) and ``price`` in yuan. An import replaces that table; an empty one clears it."""

import csv
import io
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from hub.contracts.errors import Incorrect
from hub.contracts.store import CommitView, Select
from hub.exams.items import item_of
from hub.exams.naming.name_parser import parse

EVERYWHERE = ""


def read_prices(content: str) -> dict[str, int]:
    """Item → fen. Raises Incorrect naming line and column."""
    if not content.strip():
        return {}
    reader = csv.DictReader(io.StringIO(content.lstrip("\ufeff")))
    found: dict[str, int] = {}
    for at, row in enumerate(reader, 2):
        name, price = ((row.get(column) or "").strip() for column in ("item", "price"))
        examination = parse(name).examination if name else None
        if examination is None:
            raise Incorrect(
                f"Line {at}: {name!r} is not understood.", where="item", remedy="Write 胸部CT平扫, 血常规 …"
            )
        try:
            yuan = Decimal(price)
        except InvalidOperation:
            yuan = Decimal(-1)
        if not yuan.is_finite() or yuan < 0 or yuan * 100 % 1:
            raise Incorrect(f"Line {at}: price is no sum of money.", where="price", remedy="Write yuan: 180 or 25.50.")
        found[item_of(examination)[0]] = int(yuan * 100)
    return found


def store_prices(view: CommitView, organization: str, prices: Mapping[str, int]) -> int:
    """Replace one table inside a commit; returns how many prices it has."""
    view.execute("DELETE FROM cds_price WHERE organization = ?", (organization,))
    for item, fen in prices.items():
        view.execute("INSERT INTO cds_price VALUES (?, ?, ?)", (organization, item, fen))
    return len(prices)


def price_table(select: Select) -> Callable[[str, str], int | None]:
    """(organization, item) → fen; an organization's own price before the one for everywhere."""
    known = {(whose, item): fen for whose, item, fen in select("SELECT organization, item, fen FROM cds_price", ())}
    return lambda organization, item: known.get((organization, item), known.get((EVERYWHERE, item)))
