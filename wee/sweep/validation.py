"""The study of the validation set's size: whatever is set on the validation set is set again on resampled validation sets.

Tau, the windows, and the acceptance threshold of a deployed system are set on the validation set. In this study, validation
sets of several sizes are drawn from the available one. All of these quantities are set on each drawn set, and measured on the
whole test set, which stays the same.

Validation sets are drawn with replacement and by group, as in a bootstrap: samples that depend on each other are drawn
together. A set of m samples drawn from N stands for *another* validation set of m samples of the same kind. So m = N gives
other sets of the size of the available one, not that set itself, and the spread over the draws shows what a new validation
set of that size would change. The draws do not show whether the available validation set is typical, because that shifts all
draws alike. Sets of m > N samples can be drawn, too, but they have the variety of N samples only, and so understate the
remaining uncertainty.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.method import IntervalRule, Metric, Outcome, RankedOutcome, Rule, Stages, Task
from wee.method.arrays import Ints
from wee.method.bootstrap import group_numbers
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK
from wee.method.policies import Role
from wee.sweep.cache import SummaryCache
from wee.sweep.config import ScoringConfig, TaskConfig, ValidationStudyConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool
from wee.sweep.prices import columns_with_macs, with_macs
from wee.sweep.rows import NAMES
from wee.sweep.run import Lineups, name_columns
from wee.sweep.settings import Lineup, Setting
from wee.sweep.workers import UNITS, Unit, compute_units, ranges

if TYPE_CHECKING:
    import pandas as pd

WINDOW = ["tau", "rank", "low", "high"]
DEPLOYED = (DEPLOYED_COVERAGE.name, DEPLOYED_RISK.name)
QUANTITIES = [*WINDOW, "threshold", "price", "value", *DEPLOYED]

COLUMNS = columns_with_macs([
    *NAMES, "cost", "eval_score", "val_size", "val_groups", "draw", *QUANTITIES,
])  # fmt: skip
"""The columns of a study. The first ones name a setting of a cascade, as in a sweep's table, but `task` is the task that the
acceptance threshold and any window are set for, and `eval_score` the final score that is compared with the threshold.

The validation set: val_size, the requested number of samples; val_groups, the number of groups of dependent samples drawn for
them; draw, the number of the draw, empty for the original validation set. What was set on it: tau, the operating threshold of
the first stage; rank, its percentile rank in [0, 1]; low and high, the ends of the first window; threshold, the lowest final
score that is accepted. The results on the test set: price, the average over the samples of the cost that the column cost
names; macs, the same if that cost is MACs; value, the task as a metric, in per cent; deployed_cov and deployed_risk, the
coverage and the risk at the threshold, in per cent."""


def validation_sets(groups: Ints, size: int, draws: int, seed: int) -> Iterator[Ints]:
    """Draw validation sets of one size from a validation set, with replacement and by group.

    A fixed number of groups is drawn: size / (mean size of a group), rounded. If every group is one sample, each set has
    exactly `size` samples. The same arguments give the same sets, and more draws begin with the same sets.

    Args:
        groups: the group of each sample [N], numbered from 0.
        size: number of samples to draw.
        draws: number of sets to draw.
        seed: seed of the draws.

    Yields:
        How often each sample is drawn [N], once for each set.
    """
    rng = np.random.Generator(np.random.PCG64([seed, size]))
    total, count = int(groups.max()) + 1, groups_for(groups, size)
    for _ in range(draws):
        yield np.bincount(rng.integers(total, size=count), minlength=total)[groups]


def groups_for(groups: Ints, size: int) -> int:
    """Return the number of groups that make a validation set of about a number of samples.

    Args:
        groups: the group of each sample [N], numbered from 0.
        size: number of samples.

    Raises:
        WeeError: the number of groups is rounded to 0.
    """
    mean = len(groups) / (int(groups.max()) + 1)
    count = round(size / mean)
    if count < 1:
        raise WeeError(
            f"validation.sizes has {size}, but the validation set has {mean:.3g} samples in each group of dependent samples "
            f"on average, and whole groups are drawn: ask for {np.ceil(mean):.0f} samples or more"
        )
    return count


def check(pools: Sequence[Pool], tasks: Sequence[Task], config: ValidationStudyConfig) -> None:
    """Check that a study can be made, before anything is computed.

    Raises:
        WeeError: a size is too small for a single group, or a task needs OOD data.
    """
    for task in tasks:
        if config.sizes and not task.kind.on_id:
            raise WeeError(
                f"the study of validation.sizes is about ID data, and {task} needs OOD data: choose other tasks, for "
                "instance task.names=[cov@5,risk@80], or leave validation.sizes empty"
            )
    for pool in pools:
        groups = group_numbers(pool.samples[VAL].groups)
        for size in config.sizes:
            groups_for(groups, size)


def study(
    pool: Pool,
    plan: Plan,
    config: ValidationStudyConfig,
    scorer: SummaryCache | None = None,
    done: Callable[[int], None] = lambda points: None,
    processes: int = 1,
) -> pd.DataFrame:
    """Fit every setting on each drawn validation set, and measure it on the test set.

    All lineups and policies use the same draws. OOD and shifted sets are not used. Temperatures, if the plan has them, are
    fitted on the whole validation set.

    Args:
        pool: the networks and their logits.
        plan: the settings.
        config: the numbers and the sizes of the validation sets.
        scorer: computes the summaries of networks; None for a cache that keeps nothing.
        done: called with the number of settings finished since the last call.
        processes: the number of processes. No number depends on it.

    Returns:
        A row per setting, task and validation set, with `COLUMNS`.
    """
    plan = replace(plan, task=TaskConfig(plan.task.names, [], plan.task.convention), ood=(), shift=())
    lineups = Lineups.of(pool, plan, scorer or SummaryCache(ScoringConfig()))
    prepared = _PoolStudy(lineups, group_numbers(pool.samples[VAL].groups), config)
    rows: list[dict[str, Any]] = []
    for part in compute_units(prepared, prepared.units(processes), processes, done):
        rows.extend(part)
    import pandas as pd

    return with_macs(pd.DataFrame(rows, columns=COLUMNS))


@dataclass
class _PoolStudy:
    """The study of a pool, prepared so that any process can compute some of its validation sets.

    Attributes:
        lineups: the lineups and the summaries of their networks.
        groups: the group of each validation sample [N], numbered from 0.
        config: the numbers and the sizes of the validation sets.
    """

    lineups: Lineups
    groups: Ints
    config: ValidationStudyConfig
    _ready: tuple[int, Stages, list[_System]] | None = None

    def units(self, processes: int) -> list[Unit]:
        """Return the units of work for a number of processes; for one process, each lineup is a unit."""
        counts = [len(self.lineups.settings(number)) for number in range(len(self.lineups.lineups))]
        parts = 1 if processes == 1 else -(-processes * UNITS // max(1, len(counts)))
        size = -(-self.config.sets // parts)
        return [
            Unit(number, start, stop, count * (stop - start))
            for number, count in enumerate(counts)
            for start, stop in ranges(self.config.sets, size)
        ]

    def compute(self, unit: Unit, done: Callable[[int], None] = lambda points: None) -> list[dict[str, Any]]:
        """Compute the rows of some validation sets, for all settings of a lineup.

        Args:
            unit: which validation sets.
            done: called with the number of settings finished since the last call.
        """
        validation, systems = self._lineup(unit.lineup)
        rows: list[dict[str, Any]] = []
        for name, times in itertools.islice(_all_sets(self.groups, self.config), unit.start, unit.stop):
            drawn = validation if times is None else validation.repeat(times)
            for system in systems:
                rows.extend(_plain({**name, **row}) for row in system.measure(drawn, times))
            done(len(systems))
        return rows

    def _lineup(self, number: int) -> tuple[Stages, list[_System]]:
        """Return the stages of a lineup on the validation set, and its settings; the latest ones are kept."""
        if self._ready is None or self._ready[0] != number:
            stages, about = self.lineups.stages(number), (self.lineups.pool, self.lineups.lineups[number])
            systems = [_System(*about, setting, stages, self.lineups.plan) for setting in self.lineups.settings(number)]
            self._ready = number, stages[VAL], systems
        return self._ready[1:]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with Python's numbers, which another process can be sent quickly."""
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


def spreads(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise how thresholds and metrics vary between random validation sets of each size.

    Statistics are computed over the draws for each system (a member, an ensemble, or a cascade in one order of its members),
    and then averaged over systems: they describe the variation of a typical system.

    Args:
        table: the results of a study of the size of the validation set, with `COLUMNS`.

    Returns:
        One row for each setting, `val_size` and `quantity` (one of `QUANTITIES`). Over the draws: `mean`, the standard
        deviation `sd`, the median `q50` and the quantiles `q05` and `q95`. Besides: `whole`, the value with the original
        validation set; `draws`, the number of draws; `systems`, the number of systems averaged.
    """
    names = [name for name in COLUMNS[: COLUMNS.index("val_size")] if name != "members"]
    system = [*names, "members", "quantity"]
    numbers = table.melt([*names, "members", "val_size", "draw"], QUANTITIES, "quantity", "number").dropna(
        subset="number"
    )
    numbers["whole"] = numbers.number.where(numbers.draw.isna())
    numbers["whole"] = numbers.groupby(system, dropna=False).whole.transform("first")
    drawn = numbers[numbers.draw.notna()].groupby([*system, "val_size"], dropna=False, sort=False)
    statistics = {"mean": drawn.number.mean(), "sd": drawn.number.std()}
    statistics |= {f"q{100 * q:02.0f}": drawn.number.quantile(q) for q in (0.05, 0.5, 0.95)}
    statistics |= {"whole": drawn.whole.first()}
    import pandas as pd

    by_system = pd.DataFrame({**statistics, "draws": drawn.size()})
    grouped = by_system.groupby([*names, "val_size", "quantity"], dropna=False, sort=False)
    averaged = grouped[list(statistics)].mean()
    return averaged.assign(draws=grouped.draws.min(), systems=grouped.size()).reset_index()


def _all_sets(groups: Ints, config: ValidationStudyConfig) -> Iterator[tuple[dict[str, Any], Ints | None]]:
    """Yield the columns that name each validation set, and how often each sample is in it.

    The original validation set comes first, with None for once each.
    """
    yield {"val_size": len(groups), "val_groups": int(groups.max()) + 1, "draw": None}, None
    for size in config.sizes:
        name = {"val_size": size, "val_groups": groups_for(groups, size)}
        for draw, times in enumerate(validation_sets(groups, size, config.draws, config.seed)):
            yield {**name, "draw": draw}, times


class _System:
    """One setting of one lineup, fitted on several validation sets and measured on one test set."""

    def __init__(
        self, pool: Pool, lineup: Lineup, setting: Setting, stages: Mapping[SplitName, Stages], plan: Plan
    ) -> None:
        self._name, self._policy, self._stages = name_columns(pool, lineup, setting).written(), setting.policy, stages
        self._tasks = plan.tasks if setting.task is None else [setting.task]
        self._scores = plan.score.evaluations(setting.score, ensemble=lineup.role is Role.TOGETHER)
        self._convention, self._cost = plan.convention, pool.cost
        self._latest: tuple[Rule, Outcome, Outcome] | None = None

    def measure(self, drawn: Stages, times: Ints | None) -> Iterator[dict[str, Any]]:
        """Yield a row for each task and evaluation score, without the columns that name the validation set.

        Args:
            drawn: the stages on the drawn validation set.
            times: how often each sample of the original validation set is in the drawn set [N]; None for once each.
        """
        rule = self._policy.fit(drawn)
        validation, test = self._outcomes(rule)
        first = rule.intervals[0] if isinstance(rule, IntervalRule) else None
        window = {key: None if first is None else getattr(first, key) for key in WINDOW}
        for task, score in itertools.product(self._tasks, self._scores):
            # A resample of sorted samples is sorted, so final scores are sorted once for all drawn sets.
            ranked = validation.ranked(score)
            threshold = task.acceptance_threshold(ranked if times is None else ranked.repeat(times))
            ranking = RankedOutcome(test, score, thresholds={task: threshold})
            coverage, risk = (metric.of_ranking(ranking) for metric in Metric.deployed_for(task))
            row = {**self._name, "task": str(task), "eval_score": score, **window, "threshold": threshold}
            row |= {"cost": self._cost, "price": test.mean_cost, "value": self._value(test, task, score)}
            yield {**row, **dict(zip(DEPLOYED, (coverage, risk), strict=True))}

    def _outcomes(self, rule: Rule) -> tuple[Outcome, Outcome]:
        """Return the outcomes on the whole validation set and on the test set.

        They are kept while the rule stays the same, as that of a single model always does.
        """
        if self._latest is None or self._latest[0] != rule:
            validation, test = (self._stages[split].at(rule(self._stages[split])) for split in (VAL, TEST))
            self._latest = rule, validation, test
        return self._latest[1:]

    def _value(self, outcome: Outcome, task: Task, score: str) -> float:
        """Return the value of the task as a metric."""
        ranking = RankedOutcome(outcome, score, convention=self._convention)
        return outcome.once(("value", task, score), lambda: task.metric.of_ranking(ranking))
