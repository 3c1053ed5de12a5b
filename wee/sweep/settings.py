"""The settings of a sweep: every policy with every value of its parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wee.config.common import EnsembleConfig
from wee.method import Ensemble, Policy, Random, Single, SingleThreshold, Task, Window
from wee.method.policies import Width
from wee.sweep.config import PolicyConfig, ScoreConfig, WindowConfig


@dataclass(frozen=True)
class Setting:
    """One policy with its parameters, and how it is named in tables.

    Attributes:
        policy: the policy's name.
        build: the policy.
        score: what samples go on by, None where nothing is looked at.
        task: the task that a window is set for, None for other policies.
        width: of the window, None for other policies.
        fraction: quantile of the single threshold or probability of the random exit, None for other policies.
    """

    policy: str
    build: Policy
    score: str | None = None
    task: Task | None = None
    width: Width | None = None
    fraction: float | None = None


def single_settings(policy: PolicyConfig) -> list[Setting]:
    """What is done with one member."""
    return [Setting("single", Single())] if "single" in policy.names else []


def ensemble_settings(policy: PolicyConfig) -> list[Setting]:
    """What is done with a set of members, whatever their order."""
    return [Setting("ensemble", Ensemble())] if "ensemble" in policy.names else []


def cascade_settings(
    policy: PolicyConfig, window: WindowConfig, score: ScoreConfig, tasks: Sequence[Task]
) -> Iterator[Setting]:
    """What is done with members in an order."""
    if "window" in policy.names:
        for s, task, width in itertools.product(score.exit, tasks, window.width):
            yield Setting("window", Window(task, width, s), s, task, width=width)
    if "threshold" in policy.names:
        for s, q in itertools.product(score.exit, policy.quantile):
            yield Setting("threshold", SingleThreshold(q, s), s, fraction=q)
    if "random" in policy.names:
        for p in policy.probability:
            yield Setting("random", Random(p, policy.seed), fraction=p)


def orders(ensemble: EnsembleConfig) -> list[tuple[int, ...]]:
    """The orders in which cascades run members."""
    if ensemble.orders == "all":
        return list(itertools.permutations(ensemble.members, ensemble.size))
    if ensemble.orders == "given":
        return list(itertools.combinations(ensemble.members, ensemble.size))
    return [tuple(order) for order in ensemble.orders]
