"""The method on arrays: scores, curves, tasks, policies, cascades and fronts.

This package is typed and does not depend on Hydra, Lightning or files. It can be used from a notebook:

>>> import numpy as np
>>> from wee.method import Stages, Task, Window, summarise
>>> rng = np.random.default_rng(0)
>>> labels = rng.integers(3, size=200)
>>> logits = [rng.normal(size=(200, 3)) + 2 * np.eye(3)[labels] for _ in range(2)]
>>> summaries = summarise(logits, labels, [(0,), (0, 1)])
>>> stages = Stages([summaries[0,], summaries[0, 1]], cost=[1.0, 2.0], ids=np.arange(200).astype("S"))
>>> outcome = stages.at(Window(Task.parse("cov@5"), width=0.2).fit(stages)(stages))
>>> float(outcome.cost.mean())
1.2
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wee.method.bootstrap import bootstrap
from wee.method.cascades import Outcome, Stages
from wee.method.curves import CONVENTIONS, OOD_SHARE, Convention, Mixture, RiskCoverage
from wee.method.detection import aupr, auroc, fpr_at
from wee.method.intervals import interval
from wee.method.metrics import METRICS, Metric, RankedOutcome, Task
from wee.method.policies import (
    POLICIES,
    Ensemble,
    FixedRule,
    Interval,
    IntervalRule,
    Last,
    Policy,
    Random,
    Rule,
    Single,
    SingleThreshold,
    Window,
    percentile_rank,
    quantile,
    rule_from_dict,
    rule_to_dict,
    stream_window,
    window,
)
from wee.method.rankings import Ranking
from wee.method.scores import SCORES, Score
from wee.method.summaries import NO_LABEL, Summary

if TYPE_CHECKING:
    from wee.method.logits import Outputs, summarise
    from wee.method.temperature import fit_temperature

_TORCH = {"Outputs": "logits", "summarise": "logits", "fit_temperature": "temperature"}
"""Names that need torch, with their modules. They are imported on first use, because scored logits do not need torch."""


def __getattr__(name: str) -> Any:
    if name in _TORCH:
        return getattr(importlib.import_module(f"wee.method.{_TORCH[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CONVENTIONS",
    "METRICS",
    "NO_LABEL",
    "OOD_SHARE",
    "POLICIES",
    "SCORES",
    "Convention",
    "Ensemble",
    "FixedRule",
    "Interval",
    "IntervalRule",
    "Last",
    "Metric",
    "Mixture",
    "Outcome",
    "Outputs",
    "Policy",
    "Random",
    "RankedOutcome",
    "Ranking",
    "RiskCoverage",
    "Rule",
    "Score",
    "Single",
    "SingleThreshold",
    "Stages",
    "Summary",
    "Task",
    "Window",
    "aupr",
    "auroc",
    "bootstrap",
    "fit_temperature",
    "fpr_at",
    "interval",
    "percentile_rank",
    "quantile",
    "rule_from_dict",
    "rule_to_dict",
    "stream_window",
    "summarise",
    "window",
]
