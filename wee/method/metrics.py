"""Tasks and metrics, named by a kind and a parameter: `cov@5`, `risk@80`, `fpr@95`, `aurc`.

A task is what a system is operated for, and fixes an operating threshold: Cov@r (the largest coverage at a risk of r
per cent), Risk@c (the risk at a coverage of c per cent), FPR@t (the share of OOD samples accepted where t per cent of ID
samples are). Every task is a metric; others are listed in `PLAIN` and `RANKING`.
On data that contains OOD samples, Risk@c and the areas are those of SCOD.

A task as a metric describes a *ranking*: its threshold is read off the labels of the very data that it is measured on.
A system in use has to fix its acceptance threshold beforehand. For each task there are therefore two *deployed* metrics
(`Metric.deployed_for`): what is measured at the threshold that the validation set gives for the task.

Values are in per cent, except for the areas `aurc` and `augrc`, `nll` and `brier`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError, unknown
from wee.method.arrays import Bools, Floats, Ints
from wee.method.cascades import Outcome
from wee.method.curves import Convention, Mixture, RiskCoverage
from wee.method.detection import ranked_aupr, ranked_auroc, ranked_fpr_at, recall_threshold
from wee.method.kernels import Kind, Reading
from wee.method.rankings import Ranking
from wee.method.summaries import Summary

_NUMBER = re.compile(r"(?P<kind>[a-z_0-9]+)@(?P<at>\d+(\.\d*)?|\.\d+)")

CALIBRATION_BINS = 15
"""Of equal width, for the expected calibration error (Guo et al., ICML 2017)."""


@dataclass(frozen=True)
class Task:
    """An operating point.

    Attributes:
        kind: "cov", "risk" or "fpr".
        at: its parameter in per cent, in [0, 100]: the risk of "cov", the coverage of "risk", the share of ID samples of "fpr".

    Example:
        >>> Task.parse("cov@5")
        Task(kind='cov', at=5.0)
        >>> str(Task.parse("risk@80.0"))
        'risk@80'
    """

    kind: str
    at: float

    KINDS = ("cov", "risk", "fpr")

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

    @cached_property
    def share(self) -> float:
        """The parameter as a share, in [0, 1]: the float that is nearest to it, as 99.9 / 100 is not to 0.999."""
        return float(Fraction(str(self.at)) / 100)

    @property
    def higher_is_better(self) -> bool:
        """Coverage is to be large, risk and false positives few."""
        return self.kind == "cov"

    def read(self, curve: RiskCoverage) -> tuple[float, int]:
        """The value of a task of selective classification, in per cent, and the point of the curve it is read at.

        Raises:
            WeeError: the task is about OOD data.
        """
        if self.kind == "fpr":
            raise WeeError(f"{self} is about OOD data; a curve of ID samples alone does not have it")
        value, point = (curve.coverage_at if self.kind == "cov" else curve.risk_at)(self.share)
        return 100 * value, point

    def tau(self, validation: Summary, score: str, convention: Convention = "paper") -> float:
        """The operating threshold on the validation set (ID samples alone).

        Args:
            validation: what is known of the validation samples.
            score: the confidence to threshold.
            convention: how curves are read.
        """
        return validation.once(("tau", self, score, convention), lambda: self._tau(validation, score, convention))

    def acceptance_threshold(self, ranked: Ranking) -> float:
        """The threshold t that a deployed system uses: it accepts a prediction iff its score is at least t.

        Read off in the strict convention whatever the convention of the metrics: the paper convention's tau is the score of
        the first *rejected* sample.

        Args:
            ranked: the final scores of the system on the validation set (ID samples alone).

        Returns:
            One of the scores; infinite if nothing can be accepted.
        """
        if self.kind == "fpr":
            return recall_threshold(ranked.ascending, self.share, "strict")
        curve = RiskCoverage(ranked, "strict")
        return curve.threshold(self.read(curve)[1])

    def _tau(self, validation: Summary, score: str, convention: Convention) -> float:
        ranked = validation.ranked(score)
        if self.kind == "fpr":
            return recall_threshold(ranked.ascending, self.share, convention)
        curve = validation.once(("curve", score, convention), lambda: RiskCoverage(ranked, convention))
        return curve.threshold(self.read(curve)[1])


class RankedOutcome:
    """An outcome ranked by one confidence, alone or beside the outcome on an OOD set; shared by all metrics read off it.

    Args:
        outcome: on ID data.
        score: the confidence.
        ood: on OOD data, if there is any.
        convention: how curves are read.
        times: how often each ID sample counts [N]; None for once. See `wee.method.bootstrap`.
        ood_times: the same of the OOD samples [n].
        thresholds: the acceptance threshold of each task, fixed on the validation set; needed by deployed metrics.
    """

    def __init__(
        self,
        outcome: Outcome,
        score: str,
        ood: Outcome | None = None,
        convention: Convention = "paper",
        times: Ints | None = None,
        ood_times: Ints | None = None,
        thresholds: Mapping[Task, float] | None = None,
    ) -> None:
        self.outcome, self.score, self.ood, self.convention = outcome, score, ood, convention
        self._times, self._ood_times = times, ood_times
        self.thresholds: Mapping[Task, float] = thresholds or {}

    @cached_property
    def ranked(self) -> Ranking:
        """The ID samples."""
        ranked = self.outcome.ranked(self.score)
        return ranked if self._times is None else ranked.repeat(self._times)

    @cached_property
    def ood_scores(self) -> Floats:
        """Confidences of the OOD samples [n], in any order.

        Raises:
            WeeError: there are none.
        """
        scores = self._other.scores[self.score]
        return scores if self._ood_times is None else np.repeat(scores, self._ood_times)

    @cached_property
    def beside(self) -> Ranking:
        """The ID and the OOD samples together, OOD samples numbered after the others.

        Raises:
            WeeError: there is no OOD data.
        """
        ranked = self.outcome.ranked_beside(self._other, self.score)
        if self._times is None or self._ood_times is None:
            return ranked
        return ranked.repeat(np.concatenate([self._times, self._ood_times]))

    @cached_property
    def is_ood(self) -> Bools:
        """Whether each of the samples `beside` is an OOD one."""
        return self.beside.samples >= len(self.outcome)

    @cached_property
    def curve(self) -> RiskCoverage:
        """Of the ID samples."""
        return RiskCoverage(self.ranked, self.convention)

    @cached_property
    def mixture(self) -> Mixture:
        """Of ID and OOD samples, half and half."""
        return Mixture(lambda: (self.beside, self.is_ood), self.curve, self.ood_scores)

    @property
    def _other(self) -> Outcome:
        if self.ood is None:
            raise WeeError("this metric needs OOD data, and there is none")
        return self.ood

    def with_ood(self, ood: Outcome) -> RankedOutcome:
        """The same ID outcome beside OOD data; what is known of the ID samples is kept."""
        ranking = RankedOutcome(self.outcome, self.score, ood, self.convention, thresholds=self.thresholds)
        ranking.ranked, ranking.curve = self.ranked, self.curve
        return ranking


PLAIN: Mapping[str, bool] = {
    "accuracy": True, "top1_error": False, "top5_error": False, "nll": False, "brier": False, "ece": False,
}  # fmt: skip
"""Metrics of the predictions alone, and whether higher is better."""

RANKING: Mapping[str, bool] = {
    "aurc": False, "augrc": False, "error_auroc": True, "auroc": True, "aupr_in": True, "aupr_out": True,
}  # fmt: skip
"""Metrics of a ranking without a parameter, and whether higher is better."""

DEPLOYED: Mapping[str, bool] = {
    "deployed_cov": True, "deployed_risk": False, "deployed_tpr": True, "deployed_fpr": False,
}  # fmt: skip
"""Kinds of metrics at an acceptance threshold that is fixed on the validation set, and whether higher is better."""

_KINDS: Mapping[str, tuple[Kind, Kind]] = {
    "cov": (Kind.COVERAGE_PAPER, Kind.COVERAGE_STRICT),
    "risk": (Kind.RISK_PAPER, Kind.RISK_STRICT),
    "fpr": (Kind.FPR_PAPER, Kind.FPR_STRICT),
    "aurc": (Kind.AURC_PAPER, Kind.AURC_STRICT),
    "augrc": (Kind.AUGRC_PAPER, Kind.AUGRC_STRICT),
    "error_auroc": (Kind.ERROR_AUROC, Kind.ERROR_AUROC),
    "auroc": (Kind.AUROC, Kind.AUROC),
    "aupr_in": (Kind.AUPR_IN, Kind.AUPR_IN),
    "aupr_out": (Kind.AUPR_OUT, Kind.AUPR_OUT),
}
"""How compiled code reads kinds of tasks and metrics, in the paper's and in the strict convention."""

_DEPLOYED_KINDS: Mapping[str, Kind] = {
    "deployed_cov": Kind.COVERAGE_AT_THRESHOLD,
    "deployed_risk": Kind.RISK_AT_THRESHOLD,
    "deployed_tpr": Kind.COVERAGE_AT_THRESHOLD,
    "deployed_fpr": Kind.FPR_AT_THRESHOLD,
}
"""How compiled code reads deployed metrics."""

_DETECTION = ("auroc", "aupr_in", "aupr_out")
_UNSCALED = ("nll", "brier", "aurc", "augrc")


@dataclass(frozen=True)
class Metric:
    """A number about an outcome: a task, one of the metrics without a threshold, or a deployed metric.

    Attributes:
        name: as it stands in tables, "cov@5", "aurc" or "deployed_risk@5".
        task: the task, if the metric is one.
        operated_for: of a deployed metric, the task that its acceptance threshold is set for; None if the metric was
            parsed from its name alone, which does not tell "cov@20" from "risk@20".
    """

    name: str
    task: Task | None = None
    operated_for: Task | None = None

    @classmethod
    def parse(cls, name: str) -> Metric:
        """Read a metric's name.

        Raises:
            WeeError: there is none of that name.
        """
        if str(name) in PLAIN or str(name) in RANKING:
            return cls(str(name))
        match = _NUMBER.fullmatch(str(name))
        if match is None or match["kind"] not in (*Task.KINDS, *DEPLOYED):
            kinds = (f"{kind}@<per cent>" for kind in (*Task.KINDS, *DEPLOYED))
            raise unknown("metric", name, [*PLAIN, *RANKING, *kinds])
        if match["kind"] in DEPLOYED:
            return cls(f"{match['kind']}@{float(match['at']):g}")
        task = Task.parse(name)
        return cls(str(task), task)

    @classmethod
    def deployed_for(cls, task: Task) -> tuple[Metric, Metric]:
        """The two metrics of a system whose acceptance threshold is set for a task on the validation set.

        Coverage and risk; for a task of OOD detection, the true and the false positive rate.
        """
        kinds = ("deployed_tpr", "deployed_fpr") if task.kind == "fpr" else ("deployed_cov", "deployed_risk")
        first, second = (cls(f"{kind}@{task.at:g}", operated_for=task) for kind in kinds)
        return first, second

    @property
    def deployed(self) -> str | None:
        """The kind of a deployed metric, one of `DEPLOYED`; None for any other metric."""
        kind = self.name.partition("@")[0]
        return kind if kind in DEPLOYED else None

    @property
    def higher_is_better(self) -> bool:
        """Which direction is good."""
        if self.task is not None:
            return self.task.higher_is_better
        return {**PLAIN, **RANKING, **DEPLOYED}[self.deployed or self.name]

    @property
    def ranks(self) -> bool:
        """Whether the metric depends on an evaluation score, or on the predictions alone."""
        return self.name not in PLAIN

    @property
    def percent(self) -> bool:
        """Whether the value is in per cent."""
        return self.name not in _UNSCALED

    @property
    def on_id(self) -> bool:
        """Whether the metric is about ID data alone."""
        about_ood = self.deployed == "deployed_fpr" or self.name in _DETECTION
        return not about_ood and (self.task is None or self.task.kind != "fpr")

    @property
    def on_ood(self) -> bool:
        """Whether the metric is about ID and OOD data together: OOD detection or SCOD."""
        task = self.task or self.operated_for
        if task is not None:
            return task.kind in ("fpr", "risk")
        return self.name in (*_DETECTION, "aurc", "augrc")

    def of_ranking(self, ranking: RankedOutcome) -> float:
        """The value of a metric that ranks: of SCOD or OOD detection where the ranking has OOD data, else of ID data.

        NaN where it is not defined: the AUROC of errors where there is none, or nothing else.
        """
        scale = 100.0 if self.percent else 1.0
        if self.deployed is not None:
            return scale * self._deployed(ranking)
        if self.name in _DETECTION or (self.task is not None and self.task.kind == "fpr"):
            return scale * self._detection(ranking)
        if self.name == "error_auroc":
            right = ~ranking.ranked.wrong
            return scale * ranked_auroc(right, ranking.ranked.ends) if right.any() and not right.all() else float("nan")
        if ranking.ood is None:
            return getattr(ranking.curve, self.name) if self.task is None else self.task.read(ranking.curve)[0]
        if self.task is None:
            return float(getattr(ranking.mixture, self.name))
        if self.task.kind == "cov":
            raise WeeError(f"{self.name} is about ID data; with OOD data in the stream ask for risk@<per cent> or aurc")
        return scale * ranking.mixture.risk_at(self.task.share)

    def _deployed(self, ranking: RankedOutcome) -> float:
        """A share at the acceptance threshold; the risk of a system that accepts nothing is 0."""
        if self.operated_for is None or self.operated_for not in ranking.thresholds:
            raise WeeError(f"{self.name} needs an acceptance threshold, which a task sets on the validation set")
        threshold = ranking.thresholds[self.operated_for]
        count, accepted = len(ranking.ranked), ranking.ranked.above(threshold, inclusive=True)
        if self.deployed == "deployed_fpr":
            return float((ranking.ood_scores >= threshold).mean())
        if self.deployed in ("deployed_cov", "deployed_tpr"):
            return accepted / count
        errors = int(np.count_nonzero(ranking.ranked.wrong[:accepted]))
        if ranking.ood is None:
            return errors / accepted if accepted else 0.0
        ood_share = float((ranking.ood_scores >= threshold).mean())
        weight = accepted / count + ood_share
        return (errors / count + ood_share) / weight if weight else 0.0

    def _detection(self, ranking: RankedOutcome) -> float:
        if self.task is not None:
            return ranked_fpr_at(ranking.ranked, ranking.ood_scores, self.task.share, ranking.convention)
        is_id, ends = ~ranking.is_ood, ranking.beside.ends
        if self.name == "auroc":
            return ranked_auroc(is_id, ends)
        if self.name == "aupr_in":
            return ranked_aupr(is_id, ends)
        from_below = np.concatenate([len(is_id) - ends[-2::-1], [len(is_id)]])
        return ranked_aupr(ranking.is_ood[::-1], from_below)

    def reading(self, ranking: RankedOutcome) -> Reading | None:
        """How compiled code reads the metric off resamples of a ranking; None if it cannot, and `of_ranking` has to.

        What is read is a share or an area; it is multiplied by 100 if the metric is in per cent.
        """
        if self.deployed is not None and self.operated_for is not None and self.operated_for in ranking.thresholds:
            return Reading(_DEPLOYED_KINDS[self.deployed], ranking.thresholds[self.operated_for])
        name = self.name if self.task is None else self.task.kind
        if name not in _KINDS or not (self.on_id if ranking.ood is None else self.on_ood):
            return None
        paper, strict = _KINDS[name]
        kind = strict if ranking.convention == "strict" else paper
        return Reading(kind) if self.task is None else Reading(kind, self.task.share)

    def of_outcome(self, outcome: Outcome, times: Ints | None = None) -> float:
        """The value of a metric of the predictions alone.

        Args:
            outcome: on ID data.
            times: how often each sample counts [N]; None for once.
        """
        if self.name == "ece":
            return 100 * calibration_error(outcome, times)
        values, scale = self.terms(outcome)[0], 100.0 if self.percent else 1.0
        return scale * float(values.mean() if times is None else (values * times).sum() / times.sum())

    def terms(self, outcome: Outcome) -> tuple[NDArray[Any], Ints | None]:
        """The values whose mean over the samples is a metric of the predictions alone [N], without its scale.

        And the bin of each sample [N]: if there are bins, the absolute values of the sums in all bins are added up.
        """
        if self.name == "ece":
            return calibration_gaps(outcome)
        measures: dict[str, Callable[[], NDArray[Any]]] = {
            "accuracy": lambda: outcome.correct,
            "top1_error": lambda: ~outcome.correct,
            "top5_error": lambda: ~outcome.top5,
            "nll": lambda: -outcome.log_prob,
            "brier": lambda: outcome.brier,
        }
        return measures[self.name](), None


def calibration_gaps(outcome: Outcome) -> tuple[Floats, Ints]:
    """How far the confidence in each prediction exceeds its correctness [N], and the bin that each confidence is in [N]."""
    bins = np.clip(np.ceil(outcome.confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    return outcome.confidence - outcome.correct, bins


def calibration_error(outcome: Outcome, times: Ints | None = None) -> float:
    """Expected calibration error over bins of equal width, in [0, 1]: how far confidence and accuracy are apart.

    Confidence is the probability of the predicted class (Guo et al., ICML 2017).

    Args:
        outcome: on ID data.
        times: how often each sample counts [N]; None for once.
    """
    gaps, bins = calibration_gaps(outcome)
    gap = np.bincount(bins, gaps if times is None else gaps * times, minlength=CALIBRATION_BINS)
    return float(np.abs(gap).sum() / (len(bins) if times is None else times.sum()))
