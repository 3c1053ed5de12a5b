"""Tasks and metrics, named by a kind and a parameter: `cov@5`, `risk@80`, `aurc`.

A task is what a system is operated for, and fixes an operating threshold: Cov@r (the largest coverage at
a risk of r per cent) and Risk@c (the risk at a coverage of c per cent). Every task is a metric; `aurc`,
`accuracy`, `top1_error`, `top5_error`, `nll` and `brier` are metrics without a threshold. Values are in per cent,
except for `aurc`, `nll` and `brier`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from wee.errors import WeeError, unknown
from wee.method.cascades import Outcome
from wee.method.curves import RiskCoverage

_NUMBER = re.compile(r"(?P<kind>[a-z_0-9]+)@(?P<at>\d+(\.\d*)?|\.\d+)")


@dataclass(frozen=True)
class Task:
    """An operating point of selective classification.

    Attributes:
        kind: "cov" or "risk".
        at: its parameter in per cent, in [0, 100]: the risk of "cov", the coverage of "risk".

    Example:
        >>> Task.parse("cov@5")
        Task(kind='cov', at=5.0)
        >>> str(Task.parse("risk@80.0"))
        'risk@80'
    """

    kind: str
    at: float

    KINDS = ("cov", "risk")

    @classmethod
    def parse(cls, name: str) -> Task:
        """Read a task's name.

        Raises:
            WeeError: the name has no such form, or its parameter is not a percentage.
        """
        match = _NUMBER.fullmatch(str(name))
        if match is None or match["kind"] not in cls.KINDS:
            raise unknown("task", name, [f"{kind}@<per cent>" for kind in cls.KINDS], "For instance: cov@5, risk@80.")
        at = float(match["at"])
        if at > 100:
            raise WeeError(f"task '{name}': {at:g} per cent is more than everything; the parameter lies in [0, 100]")
        return cls(match["kind"], at)

    def __str__(self) -> str:
        return f"{self.kind}@{self.at:g}"

    @property
    def higher_is_better(self) -> bool:
        """Coverage is to be large, risk small."""
        return self.kind == "cov"

    def read(self, curve: RiskCoverage) -> tuple[float, int]:
        """The value of the task on a curve, in per cent, and the point of the curve it is read at."""
        value, point = (curve.coverage_at if self.kind == "cov" else curve.risk_at)(self.at / 100)
        return 100 * value, point

    def tau(self, curve: RiskCoverage) -> float:
        """The operating threshold of the task on a (validation) curve."""
        return curve.threshold(self.read(curve)[1])


_PLAIN = {"aurc": False, "accuracy": True, "top1_error": False, "top5_error": False, "nll": False, "brier": False}
"""Metrics without a parameter, and whether higher is better."""

_IN_PERCENT = ("accuracy", "top1_error", "top5_error")


@dataclass(frozen=True)
class Metric:
    """A number about an outcome: a task, or one of the metrics without a threshold.

    Attributes:
        name: as it stands in tables, "cov@5" or "aurc".
        task: the task, where the metric is one.
    """

    name: str
    task: Task | None = None

    @classmethod
    def parse(cls, name: str) -> Metric:
        """Read a metric's name.

        Raises:
            WeeError: there is none of that name.
        """
        if str(name) in _PLAIN:
            return cls(str(name))
        match = _NUMBER.fullmatch(str(name))
        if match is None or match["kind"] not in Task.KINDS:
            raise unknown("metric", name, [*_PLAIN, *(f"{kind}@<per cent>" for kind in Task.KINDS)])
        task = Task.parse(name)
        return cls(str(task), task)

    @property
    def higher_is_better(self) -> bool:
        """Which direction is good."""
        return _PLAIN[self.name] if self.task is None else self.task.higher_is_better

    @property
    def ranks(self) -> bool:
        """Whether the metric depends on an evaluation score, or on the predictions alone."""
        return self.task is not None or self.name == "aurc"

    @property
    def percent(self) -> bool:
        """Whether the value is in per cent."""
        return self.task is not None or self.name in _IN_PERCENT

    def of_curve(self, curve: RiskCoverage) -> float:
        """The value of a metric that ranks."""
        return curve.aurc if self.task is None else self.task.read(curve)[0]

    def of_outcome(self, outcome: Outcome) -> float:
        """The value of a metric of the predictions alone."""
        if self.name == "accuracy":
            return 100 * float(outcome.correct.mean())
        if self.name == "top1_error":
            return 100 * float((~outcome.correct).mean())
        if self.name == "top5_error":
            return 100 * float((~outcome.top5).mean())
        return float(np.mean(-outcome.log_prob if self.name == "nll" else outcome.brier))
