"""Price columns of tables: average costs in a column for any cost, and in a second column that is for MACs only.

A column `price` (`price_id`, `ref_price`, ..) holds amounts of the cost that the column `cost` names. Before it, a column
with "macs" in place of "price" holds the same numbers if that cost is MACs, and is empty otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wee.costs import MACS

if TYPE_CHECKING:
    import pandas as pd

_PRICE = "price"


def with_macs(table: pd.DataFrame) -> pd.DataFrame:
    """Fill the MACs columns of a table, and add those that are missing, each before its price column.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"cost": ["macs", "mine:Energy"], "price_id": [1e6, 0.5]})
        >>> with_macs(table).macs_id.tolist()
        [1000000.0, nan]
    """
    by_macs = table.cost == MACS
    macs = {name: table[price].where(by_macs) for name, price in _macs_columns(table.columns).items()}
    return table.assign(**macs)[columns_with_macs([name for name in table.columns if name not in macs])]


def lists_with_macs(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return columns with their MACs columns, as `with_macs` does for a table, without pandas.

    Example:
        >>> lists_with_macs({"cost": ["macs", "mine:Energy"], "price": [1e6, 0.5]})["macs"]
        [1000000.0, None]
    """
    by_macs = [cost == MACS for cost in columns["cost"]]
    macs = {
        name: [cell if of_macs else None for cell, of_macs in zip(columns[price], by_macs, strict=True)]
        for name, price in _macs_columns(columns).items()
    }
    return {**columns, **macs}


def columns_with_macs(columns: Sequence[str]) -> list[str]:
    """Return column names with the MACs columns added, each before its price column.

    Example:
        >>> columns_with_macs(["cost", "price", "value"])
        ['cost', 'macs', 'price', 'value']
    """
    macs = {price: name for name, price in _macs_columns(columns).items()}
    return [name for column in columns for name in ([macs[column], column] if column in macs else [column])]


def completed(table: pd.DataFrame) -> pd.DataFrame:
    """Add the missing columns to a table that has only MACs columns or only price columns.

    Tables of earlier versions of wee have only MACs columns. A table with no information on its cost is returned unchanged.
    """
    if "cost" not in table and _named(table, MACS) and not _named(table, _PRICE):
        table = table.assign(cost=MACS, **{_renamed(name, MACS, _PRICE): table[name] for name in _named(table, MACS)})
    return with_macs(table) if "cost" in table else table


def _macs_columns(columns: Iterable[str]) -> dict[str, str]:
    """Return the price column from which each MACs column is made, by the name of the MACs column."""
    return {_renamed(name, _PRICE, MACS): name for name in columns if _is_of(name, _PRICE)}


def _named(table: pd.DataFrame, word: str) -> list[str]:
    return [str(name) for name in table.columns if _is_of(str(name), word)]


def _is_of(name: str, word: str) -> bool:
    return word in name.split("_")


def _renamed(name: str, old: str, new: str) -> str:
    return "_".join(new if word == old else word for word in name.split("_"))
