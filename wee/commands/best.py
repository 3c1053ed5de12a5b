"""`wee best`: name the best setting of sweeps within a budget, and the commands that make it."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.app.command import Command
from wee.app.console import show
from wee.app.failures import report
from wee.app.fields import Checked, as_list, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.costs import COSTS, within
from wee.costs.config import budgets
from wee.data.splits import TEST, VAL
from wee.errors import WeeError, unknown
from wee.method.metrics import Metric

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("wee")


@dataclass
class BestConfig(Common):
    """The config of `wee best`.

    Attributes:
        sweeps: The sweeps to choose from: "newest", or a name, folder, file or pattern, or a list of these.
        metric: The metric to choose by on the validation set, such as cov@5; empty for the first task of the sweeps.
        budget: The largest average cost of a sample, by the name of the cost: {macs: 20e6}; empty for any cost.
    """

    sweeps: Checked[str | list[str]] = written("newest")
    metric: str = ""
    budget: Checked[dict[str, float]] = written({})

    def __post_init__(self) -> None:
        if not as_list(self.sweeps):
            raise WeeError("sweeps is empty: name a sweep, or give newest")
        if self.metric:
            self.metric = Metric.parse(self.metric).name
        self.budget = budgets(self.budget)
        if len(self.budget) > 1:
            raise WeeError(f"budget is {self.budget}: a sweep is priced by one cost, so give one budget")


def best(cfg: BestConfig) -> None:
    """Choose on the validation set, print the best setting of each policy, and log the commands that make the best of all."""
    from wee.explore.reproduction import setting_commands
    from wee.sweep.best import best_cascade, best_settings, best_summary, policy_name, priced, valued
    from wee.sweep.floor import AT_FLOOR, floor_warning
    from wee.sweep.results import find_sweeps, is_sweep, read_about, read_averages, read_tables

    paths = list(dict.fromkeys(find_sweeps(Path(cfg.paths.sweeps), [str(sweep) for sweep in as_list(cfg.sweeps)])))
    log.info(f"from {', '.join(map(str, paths))}")
    folders = [path if path.is_dir() else path.parent for path in paths]
    abouts = [read_about(folder) if is_sweep(folder) else {} for folder in folders]
    _check_conventions(paths, abouts)
    table, averages = read_tables(paths), read_averages(paths)
    cost, budget = next(iter(cfg.budget.items()), (None, None))
    if cost is not None:
        table = _of_cost(table, cost)
    metric = Metric.parse(cfg.metric or _first_task(table, abouts))
    settings = best_settings(table, metric.name, budget, averages)
    show(best_summary(settings, budget))
    of_metric = table[(table.metric == metric.name) & table.split.isin([str(VAL), str(TEST)])]
    if of_metric[AT_FLOOR].any():
        log.warning(str(floor_warning(of_metric, "paper")))
    winner = settings.iloc[0]
    on_val, on_test = best_cascade(table, winner, budget)
    if budget is not None and not within(on_test.price, budget):
        log.info("the budget holds on the validation set; on the test set, the best setting costs more")
    chosen = f" with members {on_val.members}"
    if winner["count"] > 1:
        chosen = f"; of its {winner['count']} choices and orders of members, {on_val.members} is the best one there"
    log.info(
        f"the best on the validation set is {policy_name(winner)} at {winner.scale}{chosen}: {metric.name} = "
        f"{valued(metric, on_test.value, on_test.lower, on_test.upper)} on the test set, at "
        f"{priced(str(winner.cost), on_test.price)}"
    )
    commands = setting_commands(folders, {str(name): value for name, value in on_test.items()})
    log.info(f"make it: {commands.calibrate}" if commands.calibrate else f"it cannot be calibrated: {commands.reason}")
    if commands.sweep:
        log.info(f"its sweep: {commands.sweep}")
    report(
        settings=int(settings.settings.sum()),
        best=_plain(winner),
        members=str(on_val.members),
        calibrate=commands.calibrate,
        sweep=commands.sweep,
    )


def _check_conventions(paths: Sequence[Path], abouts: Sequence[dict[str, Any]]) -> None:
    """Check that all sweeps read metrics by the same convention.

    Raises:
        WeeError: they do not, so that their values cannot be compared.
    """
    conventions = {
        about["task"]["convention"]: path for path, about in zip(paths, abouts, strict=True) if "task" in about
    }
    if len(conventions) > 1:
        named = " and ".join(f"{path} by {name}" for name, path in conventions.items())
        raise WeeError(f"these sweeps read metrics by different conventions, {named}: choose sweeps of one convention")


def _of_cost(table: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Return the rows of a table that are priced by a cost.

    Raises:
        WeeError: there are none.
    """
    known = [str(name) for name in table.cost.unique()]
    if cost in known:
        return table[table.cost == cost]
    if cost not in COSTS and difflib.get_close_matches(cost, known, cutoff=0.6):
        raise unknown("cost in these sweeps", cost, known)
    raise WeeError(
        f"budget.{cost} is about {cost}, and these sweeps are priced by {' and '.join(known)}: give budget.{known[0]}, or "
        f"sweep with cost={cost}"
    )


def _first_task(table: pd.DataFrame, abouts: Sequence[dict[str, Any]]) -> str:
    """Return the first task of ID data of some sweeps; without one, that of the first window.

    Raises:
        WeeError: there is none.
    """
    from wee.explore.reproduction import first_task

    tasks = [*map(first_task, abouts), *map(str, table.task.dropna().unique())]
    for task in tasks:
        if task is not None and Metric.parse(task).on_id:
            return task
    raise WeeError("these sweeps have no task of ID data: name the metric to choose by, for instance metric=accuracy")


def _plain(setting: pd.Series) -> dict[str, Any]:
    """Return a setting as strict JSON data, without missing values."""
    present = setting.dropna().items()
    return {str(name): value.item() if hasattr(value, "item") else value for name, value in present}


COMMAND = Command("best", BestConfig, best, modules())

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("best").main()
