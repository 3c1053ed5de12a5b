"""The tidy table: every setting on every split, a row per number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wee.config.common import EnsembleConfig
from wee.method import IntervalRule, Metric, Outcome, Prefix, RiskCoverage, Stages, Task, summarise
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.load import Members
from wee.sweep.settings import Setting, cascade_settings, ensemble_settings, orders, single_settings

COLUMNS = [
    "dataset", "family", "scale", "members", "size", "policy", "width", "fraction", "score", "task",
    "tau", "low", "high", "ood", "adjusted", "split", "samples", "groups", "macs", "metric", "eval_score", "value",
]  # fmt: skip
"""What a row says. One setting of one cascade: dataset to task. Where its window came to lie: tau, low, high (of the
first stage). What it was run on: ood (empty: ID data alone), adjusted (whether the window was moved to the
unlabelled stream), split, its samples and their groups of dependent samples. What came of it: macs, the average
over the samples; metric, the score it ranks by, and the value."""

SPLITS = ("val", "test")


@dataclass(frozen=True)
class Plan:
    """What a sweep is to compute."""

    ensemble: EnsembleConfig
    policy: PolicyConfig
    window: WindowConfig
    score: ScoreConfig
    task: TaskConfig

    @property
    def tasks(self) -> list[Task]:
        """The tasks that windows are set for."""
        return [Task.parse(name) for name in self.task.names]

    @property
    def metrics(self) -> list[Metric]:
        """What is measured: the tasks, and what is asked for besides, each once."""
        return list({m.name: m for m in map(Metric.parse, [*self.task.names, *self.task.metrics])}.values())

    def cascades(self) -> list[tuple[tuple[int, ...], list[Setting]]]:
        """Which members run in which order, with which settings."""
        alone: list[tuple[tuple[int, ...], list[Setting]]] = [
            ((member,), single_settings(self.policy)) for member in self.ensemble.members
        ]
        if self.ensemble.size == 1:
            return alone
        ordered = orders(self.ensemble)
        sets = dict.fromkeys(tuple(sorted(order)) for order in ordered)
        together = [(members, ensemble_settings(self.policy)) for members in sets]
        settings = list(cascade_settings(self.policy, self.window, self.score, self.tasks))
        return [*alone, *together, *((order, settings) for order in ordered)]

    def points(self) -> int:
        """Settings to run on each scale."""
        return sum(len(settings) for _, settings in self.cascades())


def compute(members: Members, plan: Plan, done: Callable[[int], None]) -> pd.DataFrame:
    """The rows of one scale.

    Args:
        members: their logits.
        plan: what to compute.
        done: called with the number of settings of every cascade that is finished.
    """
    cascades = plan.cascades()
    sets = sorted(
        {tuple(sorted(order[: k + 1])) for order, settings in cascades if settings for k in range(len(order))}
    )
    summaries = {split: _summarise(members, split, sets, plan.score.needed()) for split in SPLITS}
    groups = {split: len(np.unique(next(iter(members.entries[split].values())).groups)) for split in SPLITS}
    rows: list[dict[str, Any]] = []
    for order, settings in cascades:
        stages = {split: _stages(members, split, order, summaries[split]) for split in SPLITS}
        name = {
            "dataset": members.dataset,
            "family": members.family,
            "scale": members.scale,
            "members": "+".join(map(str, order)),
            "size": len(order),
        }
        for setting in settings:
            rule = setting.build.fit(stages["val"])
            named = {**name, **_describe(setting, rule)}
            for split in SPLITS:
                outcome = stages[split].at(rule(stages[split]))
                told = {
                    "split": split,
                    "samples": len(outcome.exits),
                    "groups": groups[split],
                    "macs": outcome.cost.mean(),
                }
                for metric, score, value in measure(outcome, plan.metrics, plan.score.evaluations(setting.score)):
                    rows.append({**named, **told, "metric": metric, "eval_score": score, "value": value})
        done(len(settings))
    return pd.DataFrame(rows, columns=COLUMNS)


def measure(
    outcome: Outcome, metrics: Sequence[Metric], scores: Sequence[str]
) -> Iterator[tuple[str, str | None, float]]:
    """Every metric of an outcome, as (metric, evaluation score, value); those that rank, by every score."""
    for metric in metrics:
        if not metric.ranks:
            yield metric.name, None, metric.of_outcome(outcome)
    for score in scores:
        curve = RiskCoverage.of(outcome.scores[score], outcome.correct)
        for metric in metrics:
            if metric.ranks:
                yield metric.name, score, metric.of_curve(curve)


def _summarise(
    members: Members, split: str, sets: Sequence[tuple[int, ...]], scores: Sequence[str]
) -> dict[tuple[int, ...], Prefix]:
    entries = members.entries[split]
    numbers = sorted(entries)
    place = {number: k for k, number in enumerate(numbers)}
    found = summarise(
        [entries[number].logits for number in numbers],
        entries[numbers[0]].labels,
        [tuple(place[m] for m in members) for members in sets],
        scores,
    )
    return dict(zip(sets, found.values(), strict=True))


def _stages(members: Members, split: str, order: tuple[int, ...], prefixes: Mapping[tuple[int, ...], Prefix]) -> Stages:
    cost = np.cumsum([members.macs[member] for member in order])
    chosen = [prefixes[tuple(sorted(order[: k + 1]))] for k in range(len(order))]
    return Stages(chosen, cost.tolist(), next(iter(members.entries[split].values())).ids)


def _describe(setting: Setting, rule: Any) -> dict[str, Any]:
    """A setting's columns, and where its window came to lie."""
    interval = rule.intervals[0] if isinstance(rule, IntervalRule) else None
    return {
        "policy": setting.policy,
        "width": setting.width,
        "fraction": setting.fraction,
        "score": setting.score,
        "task": None if setting.task is None else str(setting.task),
        "tau": None if interval is None else interval.tau,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "ood": None,
        "adjusted": False,
    }
