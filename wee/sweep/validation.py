"""How much the size of the validation set matters: everything that is set on it, set anew on resampled validation sets.

A validation set sets tau, the windows, and the acceptance threshold of a deployed system. Here, validation sets of several
sizes are drawn from the one that there is, everything is set on each of them, and measured on the whole test set, which stays
the same.

Validation sets are drawn with replacement and by group, as in a bootstrap: samples that depend on each other are drawn
together. A set of m samples drawn from N stands for *another* validation set of m samples of the same kind. So m = N is
another set of the size of the one that there is, not that set itself, and the spread over the draws tells what a new
validation set of that size would change. The draws do not tell what no resample contains: whether this validation set is
typical, which shifts all draws alike. A set of m > N samples can be drawn, too, but its variety is that of N samples: it
understates what remains uncertain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from wee.data.splits import TEST, VAL, SplitName
from wee.errors import WeeError
from wee.method import IntervalRule, Metric, Outcome, RankedOutcome, Rule, Stages, Task
from wee.method.arrays import Ints
from wee.method.bootstrap import group_numbers
from wee.method.metrics.deployed import DEPLOYED_COVERAGE, DEPLOYED_RISK
from wee.method.policies import Role
from wee.sweep.cache import SummaryCache
from wee.sweep.config import ScoringConfig, TaskConfig, ValidationStudyConfig
from wee.sweep.pool import Pool
from wee.sweep.prices import columns_with_macs, with_macs
from wee.sweep.rows import NAMES
from wee.sweep.settings import Lineup, Setting
from wee.sweep.table import Plan, cascades, name_columns

WINDOW = ["tau", "rank", "low", "high"]
DEPLOYED = (DEPLOYED_COVERAGE.name, DEPLOYED_RISK.name)
QUANTITIES = [*WINDOW, "threshold", "price", "value", *DEPLOYED]

COLUMNS = columns_with_macs([
    *NAMES, "cost", "eval_score", "val_size", "val_groups", "draw", *QUANTITIES,
])  # fmt: skip
"""What a row says. One setting of one cascade, as in a sweep's table, but `task` is what the acceptance threshold and any
window are set for, and `eval_score` what is accepted by. The validation set: val_size, the samples asked for; val_groups, the
groups of dependent samples drawn for them; draw, its number, empty for the validation set itself. What was set on it: tau, the
operating threshold of the first stage, and its percentile rank in [0, 1]; low, high, the first window's ends; threshold, the
least final score that is accepted. What that gives on the test set: price, the average over the samples of the cost that the
column cost names, and macs, the same where that is MACs; value, the metric that is the task, in per cent; deployed_cov and
deployed_risk, the coverage and the risk at the threshold, in per cent."""


def validation_sets(groups: Ints, size: int, draws: int, seed: int) -> Iterator[Ints]:
    """Draw validation sets of a size from one, with replacement and by group.

    A fixed number of groups is drawn: size / (mean size of a group), rounded. Where every group is one sample, each set has
    `size` samples exactly. The same arguments give the same sets, and more draws begin with the same ones.

    Args:
        groups: the group of each sample [N], numbered from 0.
        size: samples wanted.
        draws: sets to draw.
        seed: of the draws.

    Yields:
        How often each sample is drawn [N], once for each set.
    """
    rng = np.random.Generator(np.random.PCG64([seed, size]))
    total, wanted = int(groups.max()) + 1, groups_for(groups, size)
    for _ in range(draws):
        yield np.bincount(rng.integers(total, size=wanted), minlength=total)[groups]


def groups_for(groups: Ints, size: int) -> int:
    """How many groups make a validation set of about so many samples.

    Args:
        groups: the group of each sample [N], numbered from 0.
        size: samples wanted.

    Raises:
        WeeError: not even one.
    """
    mean = len(groups) / (int(groups.max()) + 1)
    wanted = round(size / mean)
    if wanted < 1:
        raise WeeError(
            f"validation.sizes has {size}, but the validation set has {mean:.3g} samples in each group of dependent samples "
            f"on average, and whole groups are drawn: ask for {np.ceil(mean):.0f} samples or more"
        )
    return wanted


def check(pools: Sequence[Pool], tasks: Sequence[Task], config: ValidationStudyConfig) -> None:
    """Refuse a study that cannot be made, before anything is computed.

    Raises:
        WeeError: a size is less than a group, or a task needs OOD data.
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
) -> pd.DataFrame:
    """Set everything on each drawn validation set, and measure it on the test set.

    All networks, orders and policies see the same draws. OOD and shifted sets have no part in it. Temperatures, where the plan
    has them, are those of the whole validation set.

    Args:
        pool: its networks' logits.
        plan: which settings.
        config: how many validation sets of which sizes.
        scorer: gives what networks say; None for one that keeps nothing.
        done: called with the number of settings that are finished since.

    Returns:
        A row per setting, task and validation set, with `COLUMNS`.
    """
    plan = replace(plan, task=TaskConfig(plan.task.names, [], plan.task.convention), ood=(), shift=())
    groups = group_numbers(pool.samples[VAL].groups)
    rows: list[dict[str, Any]] = []
    for order, settings, stages in cascades(pool, plan, scorer or SummaryCache(ScoringConfig())):
        systems = [_System(pool, order, setting, stages, plan) for setting in settings]
        for name, times in _all_sets(groups, config):
            drawn = stages[VAL] if times is None else stages[VAL].repeat(times)
            for system in systems:
                rows.extend({**name, **row} for row in system.measure(drawn, times))
            done(len(systems))
    return with_macs(pd.DataFrame(rows, columns=COLUMNS))


def spreads(table: pd.DataFrame) -> pd.DataFrame:
    """How the quantities vary over the validation sets of each size, averaged over members and orders.

    Each statistic is of one system (a member, an ensemble or a cascade in one order) over the draws, and then the mean over
    systems. So the spread is that of one system, not of an average.

    Args:
        table: of studies, with `COLUMNS`.

    Returns:
        A row per setting, size of the validation set and quantity: the columns that name it, `val_size`, `quantity`; over the
        draws its `mean`, standard deviation `sd`, median `q50`, and the quantiles `q05` and `q95`; `whole`, its value with
        the validation set that was drawn from; `draws`, and how many `systems` were averaged.
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
    by_system = pd.DataFrame({**statistics, "draws": drawn.size()})
    grouped = by_system.groupby([*names, "val_size", "quantity"], dropna=False, sort=False)
    averaged = grouped[list(statistics)].mean()
    return averaged.assign(draws=grouped.draws.min(), systems=grouped.size()).reset_index()


def _all_sets(groups: Ints, config: ValidationStudyConfig) -> Iterator[tuple[dict[str, Any], Ints | None]]:
    """The columns that name each validation set, and how often it has each sample; the set itself, which is first, has None."""
    yield {"val_size": len(groups), "val_groups": int(groups.max()) + 1, "draw": None}, None
    for size in config.sizes:
        name = {"val_size": size, "val_groups": groups_for(groups, size)}
        for draw, times in enumerate(validation_sets(groups, size, config.draws, config.seed)):
            yield {**name, "draw": draw}, times


class _System:
    """One setting of one cascade, which is fitted on several validation sets and measured on one test set."""

    def __init__(
        self, pool: Pool, order: Lineup, setting: Setting, stages: Mapping[SplitName, Stages], plan: Plan
    ) -> None:
        self._name, self._policy, self._stages = name_columns(pool, order, setting).written(), setting.policy, stages
        self._tasks = plan.tasks if setting.task is None else [setting.task]
        self._scores = plan.score.evaluations(setting.score, ensemble=order.role is Role.TOGETHER)
        self._convention, self._cost = plan.convention, pool.cost
        self._latest: tuple[Rule, Outcome, Outcome] | None = None

    def measure(self, drawn: Stages, times: Ints | None) -> Iterator[dict[str, Any]]:
        """A row for each task and evaluation score, without the columns that name the validation set.

        Args:
            drawn: the validation set.
            times: how often each sample of the one that it was drawn from is in it [N]; None for once.
        """
        rule = self._policy.fit(drawn)
        validation, test = self._outcomes(rule)
        first = rule.intervals[0] if isinstance(rule, IntervalRule) else None
        window = {key: None if first is None else getattr(first, key) for key in WINDOW}
        for task, score in itertools.product(self._tasks, self._scores):
            # A resample of sorted samples is sorted: final scores are sorted once for all sets.
            ranked = validation.ranked(score)
            threshold = task.acceptance_threshold(ranked if times is None else ranked.repeat(times))
            ranking = RankedOutcome(test, score, thresholds={task: threshold})
            coverage, risk = (metric.of_ranking(ranking) for metric in Metric.deployed_for(task))
            row = {**self._name, "task": str(task), "eval_score": score, **window, "threshold": threshold}
            row |= {"cost": self._cost, "price": test.mean_cost, "value": self._value(test, task, score)}
            yield {**row, **dict(zip(DEPLOYED, (coverage, risk), strict=True))}

    def _outcomes(self, rule: Rule) -> tuple[Outcome, Outcome]:
        """On the whole validation set and on the test set; kept for the same rule, as that of a single model always is."""
        if self._latest is None or self._latest[0] != rule:
            validation, test = (self._stages[split].at(rule(self._stages[split])) for split in (VAL, TEST))
            self._latest = rule, validation, test
        return self._latest[1:]

    def _value(self, outcome: Outcome, task: Task, score: str) -> float:
        """The task as a metric."""
        ranking = RankedOutcome(outcome, score, convention=self._convention)
        return outcome.once(("value", task, score), lambda: task.metric.of_ranking(ranking))
