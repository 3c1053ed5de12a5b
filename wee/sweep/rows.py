"""The rows of the tidy table: typed columns, what they are keys of, and how values are written in a file.

Fronts, differences, averages and figures take their lists of columns from here, so that a new column is declared once. A value
that consists of several (the scales of a cascade, its members, the widths of its windows) is a tuple inside, and joined text in
a table; `SCALES`, `FAMILIES`, `NUMBERS` and `write_width` with `read_width` are the only places that know the separators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Generic, TypeVar

import pandas as pd

from wee.data.splits import SplitName
from wee.method import Metric, Task
from wee.method.policies import Width
from wee.sweep.prices import columns_with_macs

T = TypeVar("T")


class Part(Enum):
    """What a column that tells two rows apart says.

    A panel is what was measured on what: points are compared within a panel. A setting is a policy with its parameters and the
    lineup that it runs on, up to the choice of members, over which settings are averaged.
    """

    PANEL = "panel"
    SETTING = "setting"
    CHOICE = "choice"


@dataclass(frozen=True)
class Joined(Generic[T]):
    """Values of one column that are joined in a table.

    Attributes:
        separator: stands between two values.
        parse: makes a value of its text.

    Example:
        >>> NUMBERS.write((0, 1)), SCALES.read("small>large")
        ('0+1', ('small', 'large'))
    """

    separator: str
    parse: Callable[[str], T]

    def write(self, values: Sequence[T] | None) -> str | None:
        """The values as text; None for none."""
        return None if values is None else self.separator.join(map(str, values))

    def read(self, text: str) -> tuple[T, ...]:
        """The values in a text."""
        return tuple(self.parse(value) for value in str(text).split(self.separator))


SCALES = Joined(">", str)
"""The scales of a cascade, in the order in which they run: "small>large"."""

FAMILIES = Joined("+", str)
"""The families of a cascade across families: "first+second"."""

NUMBERS = Joined("+", int)
"""Members in the order in which they run, or exits: "0+1"."""

_WIDTHS: Joined[Any] = Joined("+", lambda text: read_width(text))


def write_width(width: Width | tuple[Width, ...] | None) -> Width | str | None:
    """A width as it stands in tables: a number, "all", or one for each stage but the last, "0.7+0.2"."""
    if isinstance(width, tuple):
        return _WIDTHS.write([f"{value:g}" if isinstance(value, float) else value for value in width])
    return width


def read_width(cell: Any) -> Any:
    """A width of a table: a number, "all", a tuple with one for each stage but the last, or nothing (None)."""
    if not isinstance(cell, str):
        return None if pd.isna(cell) else float(cell)
    if _WIDTHS.separator in cell:
        return _WIDTHS.read(cell)
    try:
        return float(cell)
    except ValueError:
        return cell


def width_cells(column: pd.Series) -> pd.Series:
    """The widths of a file as they stood in the table that was written: numbers are numbers, and all else is text."""

    def cell(text: Any) -> Any:
        width = read_width(text)
        return text if width is None else write_width(width)

    return column.map(cell)


def _key(part: Part, write: Callable[[Any], Any] | None = None, number: bool = False) -> dict[str, Any]:
    """What is to be known of a column that tells two rows apart.

    Args:
        part: what the column says.
        write: makes the value in the table of the value in a row; None if they are the same.
        number: whether the column holds numbers; it is read as text otherwise.
    """
    return {"part": part, "write": write, "number": number}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class SettingColumns:
    """The columns that name one setting of one cascade.

    Attributes:
        dataset: the ID data.
        family, scale: the families and scales of the stages; one where all are the same.
        members: in the order in which they run; of a multi-exit member, its number once.
        exits: in the order in which they run, counted from 1; None for members with one output.
        size: how many members or exits run.
        cascades: how many cascades of that size there are at that scale, whether they were run or not.
        policy: the policy.
        width, fraction, parameters: its parameters: the width of windows, the quantile or probability of the policies that
            have one, and those of a plug-in as text ("share=0.3"). None for those that it does not have.
        score, task: the confidence that decides, and the task that it is set for; None for policies that have none.
    """

    dataset: str = field(metadata=_key(Part.PANEL))
    family: tuple[str, ...] = field(metadata=_key(Part.PANEL, FAMILIES.write))
    scale: tuple[str, ...] = field(metadata=_key(Part.SETTING, SCALES.write))
    members: tuple[int, ...] = field(metadata=_key(Part.CHOICE, NUMBERS.write))
    exits: tuple[int, ...] | None = field(metadata=_key(Part.SETTING, NUMBERS.write))
    size: int = field(metadata=_key(Part.SETTING, number=True))
    cascades: int
    policy: str = field(metadata=_key(Part.SETTING))
    width: Width | tuple[Width, ...] | None = field(metadata=_key(Part.SETTING, write_width, number=True))
    fraction: float | None = field(metadata=_key(Part.SETTING, number=True))
    parameters: str | None = field(metadata=_key(Part.SETTING))
    score: str | None = field(metadata=_key(Part.SETTING))
    task: Task | None = field(metadata=_key(Part.SETTING, _text))

    def written(self) -> dict[str, Any]:
        """The values as they stand in a table, by column."""
        written = {}
        for name, column in self.__dataclass_fields__.items():
            write, value = column.metadata.get("write"), getattr(self, name)
            written[name] = value if write is None else write(value)
        return written


@dataclass(frozen=True, kw_only=True)
class Row(SettingColumns):
    """One number of the tidy table, with all that says what it is of.

    Attributes:
        tau, low, high: the operating threshold and the ends of the window of the first stage; None where there is no window.
        clamped: whether that window was clamped at the lowest or the highest validation score (then it is a single threshold).
        ood: the OOD set; None for ID data alone.
        adjusted: whether the windows were moved to the unlabelled stream.
        split: the labelled samples: validation, test, or a shifted test set.
        samples, groups: how many samples, and how many groups of dependent samples.
        cost: the name of the cost that the row is priced by.
        price: its average over the samples; with an OOD set, ID and OOD samples count one half each.
        price_id, price_ood: its averages over the ID and over the OOD samples.
        metric: what was measured.
        eval_score: the score that it ranks by; None for a metric of the predictions alone.
        acceptance: the acceptance threshold of a deployed metric.
        value, lower, upper: the value, and the ends of its bootstrap interval.
    """

    tau: float | None
    low: float | None
    high: float | None
    clamped: bool | None
    ood: str | None = field(metadata=_key(Part.PANEL))
    adjusted: bool = field(metadata=_key(Part.SETTING, number=True))
    split: SplitName = field(metadata=_key(Part.PANEL, _text))
    samples: int
    groups: int
    cost: str = field(metadata=_key(Part.PANEL))
    price: float
    price_id: float
    price_ood: float | None
    metric: Metric = field(metadata=_key(Part.PANEL, lambda metric: metric.name))
    eval_score: str | None = field(metadata=_key(Part.PANEL))
    acceptance: float | None
    value: float
    lower: float | None
    upper: float | None


def _columns(*parts: Part, first: Iterable[str] = ()) -> list[str]:
    """The columns of some parts, in the order of the table but for those that come first."""
    names = [column.name for column in fields(Row) if column.metadata.get("part") in parts]
    return [*first, *(name for name in names if name not in first)]


COLUMNS = columns_with_macs([column.name for column in fields(Row)])
"""The columns of a table: those of `Row`, and each price once more under the name of MACs (see `wee.sweep.prices`)."""

NAMES = [column.name for column in fields(SettingColumns)]
"""The columns that name a setting, of which a table has those of `Row` besides."""

KEYS = _columns(*Part)
"""The columns that tell two rows apart."""

POINT = _columns(Part.PANEL, Part.SETTING)
"""What names a point in a panel: a setting, averaged over orders and choices of members."""

PANEL = _columns(Part.PANEL, first=["dataset", "family", "split"])
"""The columns that say what was measured, and on what: points are compared within a panel."""

SETTING = _columns(Part.SETTING, first=["policy"])
"""The columns that tell the points of a panel apart."""

FRONT = [
    name
    for name in _columns(
        Part.PANEL, Part.SETTING, first=["dataset", "family", "cost", "metric", "eval_score", "score", "policy", "task"]
    )
    if name not in ("split", "ood", "adjusted")
]
"""What names a point of a front: fronts are of ID data, chosen on validation and reported on test."""

TEXT = [column.name for column in fields(Row) if column.metadata and not column.metadata["number"]]
"""The columns that are read as text, whatever they look like: a scale or a member may be called "100"."""
