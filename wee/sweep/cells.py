"""The text format of cells with several values: the scales of a cascade, its members, the widths of its windows.

The formats here are the only places that know the separators. Imports no pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wee.method.policies import Width

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Joined(Generic[T]):
    """The text format of a column whose cells hold several values.

    Attributes:
        separator: the text between two values.
        parse: converts the text of a value to the value.

    Example:
        >>> NUMBERS.write((0, 1)), SCALES.read("small>large")
        ('0+1', ('small', 'large'))
    """

    separator: str
    parse: Callable[[str], T]

    def write(self, values: Sequence[T] | None) -> str | None:
        """Return the values as text; None for None."""
        return None if values is None else self.separator.join(map(str, values))

    def read(self, text: str) -> tuple[T, ...]:
        """Return the values in a text."""
        return tuple(self.parse(value) for value in str(text).split(self.separator))


SCALES = Joined(">", str)
"""The scales of a cascade, in the order in which they run: "small>large"."""

FAMILIES = Joined("+", str)
"""The families of a cascade across families: "first+second"."""

NUMBERS = Joined("+", int)
"""Members in the order in which they run, or exits: "0+1"."""

_WIDTHS: Joined[Any] = Joined("+", lambda text: read_width(text))


def write_width(width: Width | tuple[Width, ...] | None) -> Width | str | None:
    """Return a width as written in tables: a number, "all", or a width for each stage but the last, such as "0.7+0.2"."""
    if isinstance(width, tuple):
        return _WIDTHS.write([f"{value:g}" if isinstance(value, float) else value for value in width])
    return width


def read_width(cell: Any) -> Any:
    """Return the width in a cell: a number, "all", a tuple with a width for each stage but the last, or None if empty."""
    if not isinstance(cell, str):
        return None if cell is None or cell != cell else float(cell)
    if _WIDTHS.separator in cell:
        return _WIDTHS.read(cell)
    try:
        return float(cell)
    except ValueError:
        return cell


def width_cells(column: pd.Series) -> pd.Series:
    """Convert the widths read from a file to those of the table that was written: numbers, and text for all else."""

    def cell(text: Any) -> Any:
        width = read_width(text)
        return text if width is None else write_width(width)

    return column.map(cell)
