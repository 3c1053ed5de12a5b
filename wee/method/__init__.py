"""The method, on arrays: scores, curves, tasks, policies, cascades, fronts.

Small, pure and typed. Nothing here knows of Hydra, of Lightning or of files; use it from a notebook:

>>> import numpy as np
>>> from wee.method import Stages, Task, Window, summarise
>>> rng = np.random.default_rng(0)
>>> labels = rng.integers(3, size=200)
>>> logits = [rng.normal(size=(200, 3)) + 2 * np.eye(3)[labels] for _ in range(2)]
>>> prefixes = summarise(logits, labels, [(0,), (0, 1)])
>>> stages = Stages([prefixes[0,], prefixes[0, 1]], cost=[1.0, 2.0], ids=np.arange(200).astype("S"))
>>> outcome = stages.at(Window(Task.parse("cov@5"), width=0.2).fit(stages)(stages))
>>> float(outcome.cost.mean())
1.2
"""

from wee.method.cascades import Outcome, Stages
from wee.method.curves import RiskCoverage
from wee.method.policies import (
    Ensemble,
    Interval,
    IntervalRule,
    Policy,
    Random,
    Rule,
    Single,
    SingleThreshold,
    Window,
    percentile_rank,
    quantile,
    window,
)
from wee.method.prefixes import NO_LABEL, Prefix, summarise
from wee.method.scores import SCORES, Outputs, Score, get_score
from wee.method.tasks import Metric, Task

__all__ = [
    "NO_LABEL",
    "SCORES",
    "Ensemble",
    "Interval",
    "IntervalRule",
    "Metric",
    "Outcome",
    "Outputs",
    "Policy",
    "Prefix",
    "Random",
    "RiskCoverage",
    "Rule",
    "Score",
    "Single",
    "SingleThreshold",
    "Stages",
    "Task",
    "Window",
    "get_score",
    "percentile_rank",
    "quantile",
    "summarise",
    "window",
]
