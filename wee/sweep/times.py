"""The table of measured times: one row for each thing that was timed and each batch size.

A setting is named by the columns of a sweep's table, so that times can be joined to its values. Times do not depend on
weights, so there is one row for all choices and orders of members.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from wee.errors import WeeError
from wee.sweep.cells import Joined, width_cells
from wee.sweep.rows import NAMES, TEXT

NETWORK, SETTING, CASCADE = "network", "setting", "cascade"
"""What is timed: the forward pass of a network, or of a network up to an exit; a setting of a sweep; a calibrated cascade."""

SHARES = Joined("+", float)
"""The share of samples that reaches each stage: "1.0+0.2"."""

REMEDY = "measure them: wee latency sweeps=NAME"


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _measured() -> Any:
    return field(metadata={"write": _seconds})


@dataclass(frozen=True, kw_only=True)
class TimedRow:
    """One row of the table of times.

    Attributes:
        subject: what is timed: `NETWORK`, `SETTING` or `CASCADE`.
        name: name of the sweep, or of the cascade's folder; None for networks.
        dataset, family, scale, exits, size, policy, width, fraction, parameters, score, task: the setting, written as in
            tables of sweeps. Networks have no policy.
        batch: number of images in a call.
        device: the kind of device: "cpu", "cuda".
        machine: name of the processor or accelerator.
        processors: number of processors that the process may use.
        threads: number of torch's threads.
        precision, layout: type of the numbers, and memory layout of images and weights.
        torch: version of torch.
        weights: "trained", or "random" if the networks were built anew.
        orders: number of lineups over which the shares are averaged.
        images: number of images that were timed.
        reaching: share of these images that reaches each stage.
        mean, median, lower, upper: time of an image in seconds: the mean, the median and the quartiles over calls.
        throughput: images in a second.
        ideal: time of an image in seconds if nothing but the networks took time, from the mean times of networks in the same
            run: t1 + f2 t2 + .., with f the share that reaches a stage.
        efficiency: `ideal` / `mean`.
        efficiency_median: median over rounds of the same ratio; a machine that other jobs share disturbs it less.
        passes: mean time of an image in seconds if the same forward passes run in the same order, and nothing else: no
            scores, decisions or selections. It can be more than `ideal`: at batch 1, a network that runs now and then finds
            its weights in a slower cache, and small networks take more time an image on the rest of a batch.
        passes_share: median over rounds of `passes` / `mean`: what is left of 1 is the price of the decisions.
        created: when the times were measured, in ISO format.
        key: identifies what was measured, and how.
    """

    subject: str
    name: str | None
    dataset: str
    family: str
    scale: str
    exits: str | None
    size: int
    policy: str | None
    width: Any
    fraction: float | None
    parameters: str | None
    score: str | None
    task: str | None
    batch: int
    device: str
    machine: str
    processors: int
    threads: int
    precision: str
    layout: str
    torch: str
    weights: str
    orders: int
    images: int
    reaching: tuple[float, ...] = field(metadata={"write": SHARES.write})
    mean: float = _measured()
    median: float = _measured()
    lower: float = _measured()
    upper: float = _measured()
    throughput: float = _measured()
    ideal: float = _measured()
    efficiency: float = _measured()
    efficiency_median: float = _measured()
    passes: float = _measured()
    passes_share: float = _measured()
    created: str
    key: str


COLUMNS = [column.name for column in fields(TimedRow)]

SETTING_KEYS = [name for name in NAMES if name not in ("members", "cascades")]
"""The columns that name a setting of any members, as in tables of sweeps."""

_TEXT = ["subject", "name", *(name for name in TEXT if name in SETTING_KEYS), "machine", "torch", "reaching", "key"]


def times_table(rows: Sequence[TimedRow]) -> pd.DataFrame:
    """Return rows as a table, as they are written."""
    columns: dict[str, list[Any]] = {}
    for column in fields(TimedRow):
        write = column.metadata.get("write", lambda value: value)
        columns[column.name] = [write(getattr(row, column.name)) for row in rows]
    return pd.DataFrame(columns)


def read_times(path: Path) -> pd.DataFrame:
    """Read a table of times.

    Raises:
        WeeError: there is no table, or it lacks columns of a table of times.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, "str"))
    except FileNotFoundError:
        raise WeeError(f"there are no times at {path}; {REMEDY}") from None
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise WeeError(f"{path} is no table of times: {error}; {REMEDY}") from None
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise WeeError(f"{path} is no table of times: it has no column {', '.join(missing)}; {REMEDY}")
    return table.assign(width=width_cells(table["width"]))


def machine_of(times: pd.DataFrame) -> str:
    """Describe in a few words what the times were measured on: "AMD EPYC, 1 thread, torch 2.13.0".

    Raises:
        WeeError: the times are of several machines or numbers of threads.
    """
    columns = ["machine", "threads", "precision", "torch"]
    machines = [_machine(*values) for values in times[columns].drop_duplicates().itertuples(index=False, name=None)]
    if len(machines) != 1:
        raise WeeError(f"these times are of {len(machines)} machines: {'; '.join(machines)}; give those of one")
    return machines[0]


def _machine(machine: str, threads: int, precision: str, torch: str) -> str:
    return f"{machine}, {threads} thread{'s' * (threads > 1)}, {precision}, torch {torch}"


def keyed(rows: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Replace missing values in columns by "", so that settings can be compared."""
    return rows.assign(**{key: rows[key].astype(object).where(rows[key].notna(), "") for key in columns})
