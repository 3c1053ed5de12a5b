"""The tidy table: every setting on every split, a row per number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from wee.config.common import EnsembleConfig
from wee.errors import WeeError
from wee.method import (
    Convention,
    IntervalRule,
    Metric,
    Outcome,
    Prefix,
    Ranking,
    Rule,
    Stages,
    Task,
    Window,
    interval,
)
from wee.method import bootstrap as resample
from wee.method.bootstrap import group_numbers
from wee.method.ranking import Floats, Ints
from wee.sweep.config import BootstrapConfig, PolicyConfig, ScoreConfig, ScoringConfig, TaskConfig, WindowConfig
from wee.sweep.pool import Pool
from wee.sweep.scored import Scorer
from wee.sweep.settings import Order, Setting, check_widths, exit_name, member_name, orders, settings

COLUMNS = [
    "dataset", "family", "scale", "members", "exits", "size", "policy", "width", "fraction", "score", "task",
    "tau", "low", "high", "ood", "adjusted", "split", "samples", "groups", "macs", "macs_id", "macs_ood",
    "metric", "eval_score", "value", "lower", "upper",
]  # fmt: skip
"""What a row says. One setting of one cascade: dataset to task. Where its first stage's window came to lie: tau, low,
high. What it was run on: ood (empty: ID data alone), adjusted (whether the window was moved to the unlabelled stream),
split ("val", "test", or "shift-NAME" of a shifted test set), its samples and their groups of dependent samples. What came of
it: macs, the average over the samples (with an OOD set, half ID and half OOD: macs_id, macs_ood); metric, the score it ranks
by, the value, and its bootstrap interval."""

KEYS = [c for c in COLUMNS[: COLUMNS.index("tau")]] + ["ood", "adjusted", "split", "metric", "eval_score"]
"""What tells two rows apart."""

ID_SPLITS = ("val", "test")


@dataclass(frozen=True)
class Plan:
    """What a sweep is to compute.

    Raises:
        WeeError: a task or metric does not exist, or one needs OOD data and there is none.
    """

    ensemble: EnsembleConfig
    policy: PolicyConfig
    window: WindowConfig
    score: ScoreConfig
    task: TaskConfig
    bootstrap: BootstrapConfig = field(default_factory=BootstrapConfig)
    ood: Sequence[str] = ()
    shift: Sequence[str] = ()

    def __post_init__(self) -> None:
        _ = self.tasks
        for metric in self.metrics:
            if not metric.on_id and not self.ood:
                raise WeeError(
                    f"{metric.name} is about OOD data, and ood is empty: choose OOD sets, for instance ood=[photos]"
                )

    @property
    def tasks(self) -> list[Task]:
        """The tasks that windows are set for."""
        return [Task.parse(name) for name in self.task.names]

    @property
    def metrics(self) -> list[Metric]:
        """What is measured: the tasks, and what is asked for besides, each once."""
        return list({m.name: m for m in map(Metric.parse, [*self.task.names, *self.task.metrics])}.values())

    @property
    def splits(self) -> list[str]:
        """The splits of the store that are read."""
        return [*ID_SPLITS, *(f"ood-{name}" for name in self.ood), *self.shifted]

    @property
    def shifted(self) -> list[str]:
        """The splits that are shifted test sets."""
        return [f"shift-{name}" for name in self.shift]

    @property
    def convention(self) -> Convention:
        """How curves are read."""
        return cast("Convention", self.task.convention)

    def settings(self, order: Order) -> list[Setting]:
        """What is done with networks in an order."""
        parts = (self.policy, self.window, self.score, self.tasks, self.convention)
        return list(settings(order.role, len(order.nodes), *parts))

    def points(self, pool: Pool) -> int:
        """Settings to run on a pool."""
        return sum(len(self.settings(order)) for order in orders(pool, self.ensemble))


@dataclass(frozen=True)
class Result:
    """Rows of a table, and the resampled values of each (None where no intervals are asked for, or on validation)."""

    rows: list[dict[str, Any]]
    draws: list[Floats | None]

    def table(self) -> pd.DataFrame:
        """The rows as a table."""
        return pd.DataFrame(self.rows, columns=COLUMNS)


def compute(
    pool: Pool, plan: Plan, scorer: Scorer | None = None, done: Callable[[int], None] = lambda points: None
) -> Result:
    """The rows of one pool.

    Args:
        pool: its networks' logits.
        plan: what to compute.
        scorer: gives what networks say; None for one that keeps nothing.
        done: called with the number of settings that are finished since.
    """
    scorer = scorer or Scorer(ScoringConfig())
    found_orders = orders(pool, plan.ensemble)
    check_widths(plan.window, found_orders)
    ordered = [(order, plan.settings(order)) for order in found_orders]
    ordered = [(order, found) for order, found in ordered if found]
    replaces = pool.multi_exit or plan.ensemble.combine == "replace"
    sets = sorted({_set(order.nodes, k, replaces) for order, _ in ordered for k in range(len(order.nodes))})
    temperatures = scorer.temperatures(pool) if plan.ensemble.temperature else None
    scores = plan.score.needed()
    summaries = {split: scorer.prefixes(pool, split, sets, scores, temperatures) for split in plan.splits}
    groups = {split: group_numbers(samples.groups) for split, samples in pool.samples.items()}
    result = Result([], [])
    for order, found in ordered:  # what an order has sorted goes with it
        stages = {split: _stages(pool, split, order, replaces, summaries[split]) for split in plan.splits}
        for setting in found:
            _run(pool, order, setting, stages, groups, plan, result)
            done(1)
    return result


def _run(
    pool: Pool,
    order: Order,
    setting: Setting,
    stages: Mapping[str, Stages],
    groups: Mapping[str, Ints],
    plan: Plan,
    to: Result,
) -> None:
    """One setting on every split and OOD set."""
    rule = setting.build.fit(stages["val"])
    name = _name(pool, order, setting)
    scores = plan.score.evaluations(setting.score, ensemble=order.role == "together")

    def tell(
        where: dict[str, Any],
        applied: Rule,
        outcome: Outcome,
        ood: Outcome | None,
        rankings: Mapping[str, Ranking],
        sets: Sequence[str],
    ) -> None:
        macs_id, macs_ood = outcome.mean_cost, None if ood is None else ood.mean_cost
        macs = macs_id if macs_ood is None else (macs_id + macs_ood) / 2
        counts = {
            "samples": sum(len(groups[name]) for name in sets),
            "groups": sum(int(groups[name].max()) + 1 for name in sets),
        }
        row = {**name, **_place(applied), **where, **counts, "macs": macs, "macs_id": macs_id, "macs_ood": macs_ood}
        resampling = [groups[name] for name in sets] if where["split"] != "val" and plan.bootstrap.resamples else []
        for metrics, score, values, draws in measure(outcome, ood, rankings, plan.metrics, resampling, plan.bootstrap):
            for k, metric in enumerate(metrics):
                low, high = (None, None) if draws is None else interval(draws[k], plan.bootstrap.level)
                number = {"metric": metric.name, "eval_score": score, "value": values[k], "lower": low, "upper": high}
                to.rows.append({**row, **number})
                to.draws.append(None if draws is None else draws[k])

    def ranked(outcome: Outcome) -> dict[str, Ranking]:
        return {score: Ranking(outcome, score, convention=plan.convention) for score in scores}

    def beside(rankings: Mapping[str, Ranking], ood: Outcome) -> dict[str, Ranking]:
        return {score: ranking.with_ood(ood) for score, ranking in rankings.items()}

    labelled = (*ID_SPLITS, *plan.shifted)
    outcomes = {split: stages[split].at(rule(stages[split])) for split in labelled}
    found = {split: ranked(outcome) for split, outcome in outcomes.items()}
    for split in labelled:
        tell({"split": split, "ood": None, "adjusted": False}, rule, outcomes[split], None, found[split], [split])
    for ood in plan.ood:
        theirs = stages[f"ood-{ood}"]
        where, sets = {"split": "test", "ood": ood}, ["test", f"ood-{ood}"]
        out = theirs.at(rule(theirs))
        tell({**where, "adjusted": False}, rule, outcomes["test"], out, beside(found["test"], out), sets)
        if isinstance(setting.build, Window) and isinstance(rule, IntervalRule):
            moved = setting.build.adjust(rule, stages["test"], theirs)
            ours, out = stages["test"].at(moved(stages["test"])), theirs.at(moved(theirs))
            tell({**where, "adjusted": True}, moved, ours, out, beside(ranked(ours), out), sets)


def measure(
    outcome: Outcome,
    ood: Outcome | None,
    rankings: Mapping[str, Ranking],
    metrics: Sequence[Metric],
    groups: Sequence[Ints],
    resampling: BootstrapConfig,
) -> Iterator[tuple[list[Metric], str | None, list[float], Floats | None]]:
    """Every metric of an outcome: those of the predictions alone, then those that rank, by each score.

    Args:
        outcome: on ID data.
        ood: on OOD data, if there is any.
        rankings: of both, by evaluation score.
        metrics: of them, those are measured that the data allows.
        groups: of the ID samples, and of the OOD samples if any, to be resampled by; nothing for no intervals.
        resampling: how.

    Yields:
        (metrics, evaluation score, values, resampled values [metrics, resamples] if asked for).
    """
    wanted = [metric for metric in metrics if (metric.on_id if ood is None else metric.on_ood)]
    plain = [metric for metric in wanted if not metric.ranks]
    ranked = [metric for metric in wanted if metric.ranks]

    def draws(ranking: Ranking, own: list[Metric]) -> Floats | None:
        if not groups:
            return None
        return resample(
            ranking, own, groups[0], groups[1] if groups[1:] else None, resampling.resamples, resampling.seed
        )

    if plain:
        unranked = Ranking(outcome, next(iter(outcome.scores)))
        yield plain, None, [metric.of_outcome(outcome) for metric in plain], draws(unranked, plain)
    for score, ranking in rankings.items() if ranked else ():
        yield ranked, score, [metric.of_ranking(ranking) for metric in ranked], draws(ranking, ranked)


def _set(nodes: tuple[int, ...], stage: int, replaces: bool) -> tuple[int, ...]:
    """The networks whose outputs are mixed at a stage."""
    return (nodes[stage],) if replaces else tuple(sorted(nodes[: stage + 1]))


def _stages(pool: Pool, split: str, order: Order, replaces: bool, prefixes: Mapping[tuple[int, ...], Prefix]) -> Stages:
    macs = [pool.networks[node].macs for node in order.nodes]
    cost = macs if pool.multi_exit else np.cumsum(macs).tolist()
    chosen = [prefixes[_set(order.nodes, k, replaces)] for k in range(len(order.nodes))]
    return Stages(chosen, cost, pool.samples[split].ids)


def _name(pool: Pool, order: Order, setting: Setting) -> dict[str, Any]:
    """The columns that name a setting."""
    networks = [pool.networks[node] for node in order.nodes]
    return {
        "dataset": pool.dataset,
        "family": pool.family,
        "scale": pool.scale,
        "members": member_name(networks),
        "exits": exit_name(networks),
        "size": len(order.nodes),
        "policy": setting.policy,
        "width": setting.width,
        "fraction": setting.fraction,
        "score": setting.score,
        "task": None if setting.task is None else str(setting.task),
    }


def _place(rule: Rule) -> dict[str, Any]:
    """Where the first stage's window came to lie."""
    first = rule.intervals[0] if isinstance(rule, IntervalRule) else None
    return {key: None if first is None else getattr(first, key) for key in ("tau", "low", "high")}
