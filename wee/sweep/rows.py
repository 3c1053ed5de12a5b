"""The rows of the tidy table: typed columns, their part in identifying a row, and how values are written to a file.

Fronts, differences, averages and figures take their lists of columns from here, so that a new column is declared once. A cell
with several values (the scales of a cascade, its members, the widths of its windows) is a tuple in `Row`, and joined text in
a table; see `wee.sweep.cells`.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np

from wee.data.splits import SplitName
from wee.method import Metric, Task
from wee.method.policies import Width
from wee.sweep.cells import FAMILIES, NUMBERS, SCALES, write_width
from wee.sweep.prices import columns_with_macs, lists_with_macs

if TYPE_CHECKING:
    import pandas as pd

Cells = dict[str, list[Any]]
"""Rows as they are written: the cells of each column of `Row`, in the order of the rows."""


class Part(Enum):
    """The part that a column has in identifying a row.

    A panel is a metric on some data; points are compared within a panel. A setting is a policy with its parameters on a kind
    of lineup, without the choice of members. A choice is that of the members, over which settings are averaged.
    """

    PANEL = "panel"
    SETTING = "setting"
    CHOICE = "choice"


def _key(part: Part, write: Callable[[Any], Any] | None = None, number: bool = False) -> dict[str, Any]:
    """Return the metadata of a column that identifies rows.

    Args:
        part: the part of the column in identifying a row.
        write: converts the value in a row to the value in a table; None if they are the same.
        number: whether the column holds numbers; it is read as text otherwise.
    """
    return {"part": part, "write": write, "number": number}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


@dataclass(frozen=True, kw_only=True)
class SettingColumns:
    """The columns that name one setting of one cascade.

    Attributes:
        dataset: name of the ID data set.
        family, scale: the families and scales of the stages; a single one if all stages have the same.
        members: numbers of the members, in the order in which they run; a multi-exit member is listed once.
        exits: numbers of the exits, counted from 1, in the order in which they run; None for members with one output.
        size: number of members or exits that run.
        cascades: number of cascades of that size that exist at that scale, whether they were run or not.
        policy: name of the policy.
        width, fraction, parameters: parameters of the policy: the width of windows, the quantile or probability, and those of
            a plug-in as text ("share=0.3"). None for parameters that the policy does not have.
        score, task: the score that decides exits, and the task that the policy is set for; None for policies without one.
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
        """Return the values as written in a table, by column."""
        written = {}
        for name, column in self.__dataclass_fields__.items():
            write, value = column.metadata.get("write"), getattr(self, name)
            written[name] = value if write is None else write(value)
        return written


@dataclass(frozen=True, kw_only=True)
class Row(SettingColumns):
    """One number of the tidy table, with the columns that describe it.

    Attributes:
        tau, low, high: the operating threshold and the ends of the window of the first stage; None if there is no window.
        clamped: whether that window was clamped at the lowest or the highest validation score (then it is a single threshold).
        ood: name of the OOD set; None for ID data alone.
        ood_share: the share of OOD data in the stream of ID and OOD samples, in (0, 1); None for ID data alone.
        adjusted: whether the windows were adjusted to the unlabelled stream.
        split: the labelled samples: validation, test, or a shifted test set.
        samples, groups: number of samples, and number of groups of dependent samples; for a certified metric on validation,
            those of the tuning part.
        cost: name of the cost that the row is priced by.
        price: average cost of a sample; with an OOD set, of a sample of the stream with this share of OOD data.
        price_id, price_ood: average cost of an ID sample and of an OOD sample.
        metric: the metric that was measured.
        eval_score: the score that the metric ranks by; None for a metric of the predictions alone.
        acceptance: the acceptance threshold of a deployed or certified metric; infinite if nothing is accepted.
        value, lower, upper: the value of the metric, and the ends of its bootstrap interval.
    """

    tau: float | None
    low: float | None
    high: float | None
    clamped: bool | None
    ood: str | None = field(metadata=_key(Part.PANEL))
    ood_share: float | None = field(metadata=_key(Part.PANEL, number=True))
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


def cells_of(rows: Sequence[Row]) -> Cells:
    """Return the cells of rows: text, numbers and None, which another process can be sent quickly."""
    columns = {}
    for column in fields(Row):
        values, write = [getattr(row, column.name) for row in rows], column.metadata.get("write")
        written = values if write is None else [write(value) for value in values]
        columns[column.name] = [cell.item() if isinstance(cell, np.generic) else cell for cell in written]
    return columns


def table_of(cells: Cells) -> pd.DataFrame:
    """Return cells as a table, with the columns of `Row`."""
    import pandas as pd

    return pd.DataFrame(cells)


def csv_of(cells: Cells) -> str:
    """Return cells as lines of a CSV file with the columns `COLUMNS`, as pandas writes them.

    It does not use pandas, which takes half a second to import in each process of a sweep, and twice as long to write.
    """
    columns: Mapping[str, list[Any]] = lists_with_macs(cells)
    known = ([None if cell != cell else cell for cell in columns[name]] for name in COLUMNS)  # NaN becomes empty, too
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=os.linesep).writerows(zip(*known, strict=True))
    return text.getvalue()


def _columns(*parts: Part, first: Iterable[str] = ()) -> list[str]:
    """Return the columns with some parts: those in `first`, then the others in the order of the table."""
    names = [column.name for column in fields(Row) if column.metadata.get("part") in parts]
    return [*first, *(name for name in names if name not in first)]


COLUMNS = columns_with_macs([column.name for column in fields(Row)])
"""The columns of a table: those of `Row`, and a MACs column for each price (see `wee.sweep.prices`)."""

NAMES = [column.name for column in fields(SettingColumns)]
"""The columns of `SettingColumns`, which name a setting of a cascade."""

KEYS = _columns(*Part)
"""The columns that together identify a row."""

POINT = _columns(Part.PANEL, Part.SETTING)
"""The columns that identify a panel and a point in it: a setting, averaged over orders and choices of members."""

PANEL = _columns(Part.PANEL, first=["dataset", "family", "split"])
"""The columns that identify a panel: what was measured, and on which data. Points are compared within a panel."""

SETTING = _columns(Part.SETTING, first=["policy"])
"""The columns that identify a point within a panel."""

FRONT = [
    name
    for name in _columns(
        Part.PANEL, Part.SETTING, first=["dataset", "family", "cost", "metric", "eval_score", "score", "policy", "task"]
    )
    if name not in ("split", "ood", "ood_share", "adjusted")
]
"""The columns that identify a point of a front. Fronts are of ID data, chosen on validation and reported on test."""

TEXT = [column.name for column in fields(Row) if column.metadata and not column.metadata["number"]]
"""The columns that are read as text even if they look like numbers: a scale or a member may be called "100"."""
