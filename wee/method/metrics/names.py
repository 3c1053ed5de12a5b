"""Tasks and metrics, and the names that users give them: `cov@5`, `risk@80`, `aurc`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from wee.catalogue import Catalogue
from wee.errors import WeeError, unknown
from wee.method.arrays import Ints
from wee.method.cascades import Outcome
from wee.method.curves import Convention, RiskCoverage
from wee.method.kernels import Reading
from wee.method.metrics.base import MetricKind, TaskKind, Terms
from wee.method.metrics.catalogue import METRICS, metric_help, task_help
from wee.method.metrics.certified import CertifiedKind
from wee.method.metrics.deployed import DeployedKind
from wee.method.metrics.ranked import RankedOutcome
from wee.method.rankings import Ranking
from wee.method.summaries import Summary

_AT = re.compile(r"(?P<kind>.+)@(?P<at>\d+(\.\d*)?|\.\d+)")


@dataclass(frozen=True)
class Task:
    """An operating point: a kind of task at a parameter.

    Attributes:
        kind: the kind of the task, from the catalogue.
        at: the parameter in per cent, in [0, 100]; `kind.parameter` describes its meaning.

    Example:
        >>> Task.parse("cov@5").at
        5.0
        >>> str(Task.parse("risk@80.0"))
        'risk@80'
    """

    kind: TaskKind
    at: float

    @classmethod
    def parse(cls, name: str) -> Task:
        """Parse the name of a task.

        Raises:
            WeeError: there is no such kind of task, or its parameter is not a percentage.
        """
        kind, at = _parse(str(name))
        if not isinstance(kind, TaskKind) or at is None:
            raise _unknown("task", name, task_help(), "For instance: cov@5, risk@80.")
        if at > 100:
            raise WeeError(f"task '{name}': {at:g} per cent is more than everything; the parameter lies in [0, 100]")
        return cls(kind, at)

    def __str__(self) -> str:
        return self.metric.name

    @cached_property
    def metric(self) -> Metric:
        """The task as a metric."""
        return Metric(self.kind, self.at)

    @cached_property
    def share(self) -> float:
        """The parameter as a share, in [0, 1], correctly rounded (unlike `99.9 / 100`, which differs from 0.999)."""
        return float(Fraction(str(self.at)) / 100)

    @property
    def higher_is_better(self) -> bool:
        """Whether a high value of the task is good."""
        return self.kind.higher_is_better

    def read(self, curve: RiskCoverage) -> tuple[float, int]:
        """Return the value of a task of selective classification, in per cent, and its point on the curve.

        Raises:
            WeeError: the task is about OOD data.
        """
        value, point = self.kind.read(curve, self.share)
        return self.kind.scale * value, point

    def tau(self, validation: Summary, score: str, convention: Convention = "paper") -> float:
        """Return the operating threshold on the validation set (ID samples alone).

        Args:
            validation: the summary of the validation samples.
            score: the name of the confidence score.
            convention: the convention of the curve.
        """
        return validation.once(("tau", self, score, convention), lambda: self._tau(validation, score, convention))

    def acceptance_threshold(self, ranked: Ranking) -> float:
        """Return the threshold t that a deployed system uses: it accepts a prediction iff its score is at least t.

        It is always computed in the strict convention, because tau in the paper's convention is the score of the first
        *rejected* sample.

        Args:
            ranked: the final scores of the system on the validation set (ID samples alone).

        Returns:
            One of the scores; infinity if no sample can be accepted.
        """
        return self.kind.threshold(RiskCoverage(ranked, "strict"), self.share)

    def _tau(self, validation: Summary, score: str, convention: Convention) -> float:
        ranked = validation.ranked(score)
        curve = validation.once(("curve", score, convention), lambda: RiskCoverage(ranked, convention))
        return self.kind.threshold(curve, self.share)


@dataclass(frozen=True)
class Metric:
    """A metric of an outcome: a kind from the catalogue, with a parameter if the kind has one.

    Attributes:
        kind: the kind of the metric, from the catalogue.
        at: the parameter in per cent; None if the kind has none.
        operated_for: for a deployed metric, the task that its acceptance threshold is set for; None if the metric was parsed
            from its name, which does not distinguish the tasks "cov@20" and "risk@20". For a certified metric, the task with
            the same risk, "cov@20".

    Example:
        >>> metric = Metric.parse("deployed_risk@5")
        >>> metric.name, metric.label, metric.axis_label
        ('deployed_risk@5', 'deployed risk @5', 'deployed risk @5 (%)')
    """

    kind: MetricKind
    at: float | None = None
    operated_for: Task | None = None

    @classmethod
    def parse(cls, name: str) -> Metric:
        """Parse the name of a metric.

        Raises:
            WeeError: there is no such metric, or its parameter is out of range.
        """
        kind, at = _parse(str(name))
        if kind is None:
            raise _unknown("metric", name, metric_help(), "A metric of your own is named as module:Name.")
        if isinstance(kind, CertifiedKind) and at is not None:
            kind.check(at)
            return cls(kind, at, Task(kind.task, at))
        return Task.parse(name).metric if isinstance(kind, TaskKind) else cls(kind, at)

    @classmethod
    def deployed_for(cls, task: Task) -> tuple[Metric, Metric]:
        """Return the two metrics of a system whose acceptance threshold is set for a task on the validation set.

        Coverage and risk; for a task of OOD detection, the true and the false positive rate.
        """
        first, second = task.kind.deployed
        return cls(first, task.at, task), cls(second, task.at, task)

    @property
    def name(self) -> str:
        """The name in tables: "cov@5", "aurc" or "deployed_risk@5"."""
        return self.kind.name if self.at is None else f"{self.kind.name}@{self.at:g}"

    @property
    def label(self) -> str:
        """The display name, in figures and reports: "Cov@5"."""
        return self.kind.label_at(self.at)

    @property
    def unit(self) -> str:
        """The unit of its values: "%", or "" for none."""
        return "%" if self.percent else ""

    @property
    def axis_label(self) -> str:
        """The label with the unit: "Cov@5 (%)"."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @cached_property
    def task(self) -> Task | None:
        """The task, if the metric is one."""
        return Task(self.kind, self.at) if isinstance(self.kind, TaskKind) and self.at is not None else None

    @property
    def deployed(self) -> DeployedKind | None:
        """The kind of a deployed metric, certified ones included; None for any other metric."""
        return self.kind if isinstance(self.kind, DeployedKind) else None

    @property
    def certified(self) -> CertifiedKind | None:
        """The kind of a certified metric; None for any other metric."""
        return self.kind if isinstance(self.kind, CertifiedKind) else None

    @property
    def higher_is_better(self) -> bool:
        """Whether a high value of the metric is good."""
        return self.kind.higher_is_better

    @property
    def ranks(self) -> bool:
        """Whether the metric depends on an evaluation score; otherwise it depends only on the predictions."""
        return self.kind.ranks

    @property
    def percent(self) -> bool:
        """Whether the value is in per cent."""
        return self.kind.percent

    @property
    def on_id(self) -> bool:
        """Whether the metric is measured on ID data alone."""
        return self.kind.on_id

    @property
    def on_ood(self) -> bool:
        """Whether the metric is measured on ID and OOD data together; for a deployed metric, whether its task is."""
        return (self.kind if self.operated_for is None else self.operated_for.kind).on_ood

    def of_ranking(self, ranking: RankedOutcome) -> float:
        """Return the value of a metric that depends on a ranking, in its unit.

        If the ranking has OOD data, it is the value for SCOD or OOD detection. It is NaN if the metric is not defined, such as
        the AUROC of errors if there are only errors or none.

        Raises:
            WeeError: the metric is not defined on this data, or a deployed metric has no acceptance threshold.
        """
        parameter = self._parameter(ranking)
        if parameter is None:
            raise WeeError(f"{self.name} needs an acceptance threshold, which a task sets on the validation set")
        return self.kind.of_ranking(ranking, parameter)

    def reading(self, ranking: RankedOutcome) -> Reading | None:
        """Return the kind and parameter of compiled code for the metric; None if there is none and `of_ranking` is needed.

        Compiled code computes a share or an area, which the caller multiplies by 100 if the metric is in per cent.
        """
        kind, parameter = self.kind.reading(ranking.convention), self._parameter(ranking)
        applies = self.deployed is not None or (self.on_id if ranking.ood is None else self.on_ood)
        return Reading(kind, parameter) if kind is not None and parameter is not None and applies else None

    def of_outcome(self, outcome: Outcome, times: Ints | None = None) -> float:
        """Return the value of a metric of the predictions alone.

        Args:
            outcome: the outcome on ID data.
            times: how often each sample counts [N]; None for once each.
        """
        return self.kind.of_outcome(outcome, times)

    def terms(self, outcome: Outcome) -> Terms | None:
        """Return the terms that compiled code sums for a metric of the predictions alone; None if the metric is not a sum."""
        return self.kind.terms(outcome)

    def _parameter(self, ranking: RankedOutcome) -> float | None:
        """Return the parameter: a share, an acceptance threshold (None if unknown), or 0 for a metric without a parameter."""
        if self.deployed is not None:
            return None if self.operated_for is None else ranking.thresholds.get(self.operated_for)
        return 0.0 if self.task is None else self.task.share


def _parse(name: str) -> tuple[MetricKind | None, float | None]:
    """Return the kind and the parameter of a name.

    The kind is None if there is no such kind, or if a parameter is missing or not allowed.
    """
    match = _AT.fullmatch(name)
    kind_name, at = (name, None) if match is None else (match["kind"], float(match["at"]))
    if kind_name not in METRICS and ":" not in kind_name:
        return None, at
    kind = METRICS.find(kind_name)
    return (kind if (kind.parameter is None) == (at is None) else None), at


def _unknown(what: str, name: str, known: Mapping[str, str], hint: str) -> WeeError:
    width = max(map(len, known))
    lines = "".join(f"\n  {form:<{width}} {line}" for form, line in known.items())
    return unknown(what, name, known, f"{hint}{lines}")


@dataclass(frozen=True)
class TaskChoice:
    """A task as a choice of a config group.

    Attributes:
        name: the name, with its parameter: "cov@5".
    """

    name: str

    @property
    def label(self) -> str:
        """The label of the task on figures."""
        return Task.parse(self.name).metric.label

    @property
    def help(self) -> str:
        """A line on its kind."""
        return Task.parse(self.name).kind.help


class TaskChoices(Catalogue[TaskChoice]):
    """The tasks of the paper by name; `find` takes every other one too."""

    def find(self, name: str) -> TaskChoice:
        """The task of that name.

        Raises:
            WeeError: there is no such kind of task, or its parameter is missing or out of range.
        """
        return TaskChoice(str(Task.parse(str(name))))


_PAPER = [TaskChoice(name) for name in ("cov@5", "cov@10", "risk@50", "risk@80", "fpr@80", "fpr@95")]

TASKS = TaskChoices("task", _PAPER, lambda name, plugin: TaskChoice(name))
"""Tasks as choices of the config group `task`; any number of per cent is one."""
