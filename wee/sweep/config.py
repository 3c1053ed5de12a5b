"""Typed configs of a sweep. Imports no torch."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from wee.app.fields import Checked, as_list, names, written
from wee.errors import WeeError, unknown
from wee.machine import jobs_at_once, processors
from wee.method.policies import BASELINES, POLICIES, Width
from wee.method.scores import DEFAULT_SCORE, SCORES

log = logging.getLogger("wee")

CONVENTIONS = ("paper", "strict")
SAME = "same"
SHARED = ("width", "quantile", "probability", "seed")
"""The parameters of policies that have their own key in the config."""

WORTHWHILE = 2.0
"""The least work for each process if the number of processes is not given, in seconds. Starting one takes about 0.05 s."""

BASELINE = "+".join(BASELINES)
"""The name of the joint front of the baselines, single models and ensembles: "single+ensemble"."""


@dataclass
class WindowConfig:
    """Configuration of the widths of windows.

    Attributes:
        width: one width or a list of widths. A width is a number in [0, 1], the share of validation samples inside the
            window, or "all". A list inside the list is one setting with a width for each stage but the last, such as
            [[0.7, 0.2], [0.6, 0.2]].
    """

    width: Checked[list[Width | tuple[Width, ...]]] = written(0.2)

    def __post_init__(self) -> None:
        self.width = [_width(width) for width in as_list(self.width)]


@dataclass
class ScoreConfig:
    """Configuration of the scores: which ones decide exits, and which ones results are ranked by.

    Attributes:
        exit: score that decides exits, or a list of scores; null for those of the config group `score` that can be computed
            from a single network. A score of your own is "module:function".
        evaluation: score that results are ranked by, or a list of scores; "same" stands for the exit score. null for "same"
            and those of the config group `score` that need several members.
        choices: the options chosen from the config group `score`, as keys.
    """

    exit: Checked[list[str]] = written(None)
    evaluation: Checked[list[str]] = written(None)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chosen = [SCORES.find(name) for name in self.choices]
        deciding = [score.name for score in chosen if not score.several] or [DEFAULT_SCORE]
        several = [score.name for score in chosen if score.several]
        self.exit = [_score(name, decides=True) for name in names(self.exit, deciding)]
        evaluated = names(self.evaluation, [SAME])
        self.evaluation = [
            name if name == SAME else _score(name)
            for name in (dict.fromkeys([*evaluated, *several]) if evaluated else [])
        ]
        self.choices = {}
        for key, scores in (("exit", self.exit), ("evaluation", self.evaluation)):
            if not scores:
                raise WeeError(f"score.{key} is empty; choose from {', '.join(SCORES)}")

    def evaluations(self, exit_score: str | None, ensemble: bool = False) -> list[str]:
        """Return the evaluation scores for an exit score.

        Args:
            exit_score: the score that decides exits; None if no score does.
            ensemble: whether all members always run; scores that need several members are left out if they do not.
        """
        same = self.exit if exit_score is None else [exit_score]
        scores = dict.fromkeys(score for name in self.evaluation for score in (same if name == SAME else [name]))
        return [score for score in scores if ensemble or not SCORES.find(score).several]

    def needed(self) -> list[str]:
        """Return every score that has to be computed."""
        return list(dict.fromkeys([*self.exit, *self.evaluations(None, ensemble=True)]))


@dataclass
class PolicyConfig:
    """Configuration of the policies to compare, and of the values of their parameters.

    Attributes:
        names: names of policies (`wee.method.POLICIES`); null for those of the config group `policy`. A policy of your own
            is "module:Name".
        quantile: quantile of the single threshold: a value in [0, 1] or a list of values.
        probability: probability of the random exit: a value in [0, 1] or a list of values.
        seed: seed of the random exit.
        parameters: for each policy, by name, a value or a list of values for each of its parameters. All combinations are
            run. A parameter without a value here takes the values above if it is called quantile, probability or seed, those
            of window.width if it is called width, and its default otherwise.
        choices: the options chosen from the config group `policy`, as keys.
    """

    names: Checked[list[str]] = written(None)
    quantile: Checked[list[float]] = written(0.2)
    probability: Checked[list[float]] = written(0.2)
    seed: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = [POLICIES.find(name).name for name in names(self.names, self.choices)]
        if not self.names:
            raise WeeError(f"no policy is chosen; choose from {', '.join(POLICIES)}")
        self.choices = {}
        self.quantile = [_share("policy.quantile", q) for q in as_list(self.quantile)]
        self.probability = [_share("policy.probability", p) for p in as_list(self.probability)]
        self.parameters = {policy: self._values(policy, values) for policy, values in self.parameters.items()}
        for name in self.names:
            POLICIES.find(name).check_parameters(list(self.parameters.get(name, {})), SHARED)

    def _values(self, policy: str, values: Any) -> dict[str, list[Any]]:
        """Return the values of each parameter of a policy, as lists."""
        if policy not in self.names:
            raise WeeError(
                f"policy.parameters is about {policy}, which is not in policy.names: these are {', '.join(self.names)}"
            )
        if not isinstance(values, dict):
            raise WeeError(
                f"policy.parameters has {values!r} for {policy}: give its parameters by name, for instance "
                f"{{{policy}: {{share: [0.1, 0.2]}}}}"
            )
        lists = {str(name): as_list(value) for name, value in values.items()}
        for name, value in lists.items():
            if not value:
                raise WeeError(f"policy.parameters has no value for {name} of {policy}; give one, or a list")
        return lists

    def values(self, policy: str, width: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """Return the values of every parameter that a policy may have.

        Args:
            policy: name of the policy.
            width: widths of the windows in this sweep.
        """
        shared = (width, self.quantile, self.probability, [self.seed])
        return {**dict(zip(SHARED, shared, strict=True)), **self.parameters.get(policy, {})}


@dataclass
class ScoringConfig:
    """Configuration of how logits are scored. It is not part of a sweep's identity; no result depends on the thread count.

    Attributes:
        threads: number of threads that compute scores; 0 for the number of processors, divided among the jobs of a multirun
            that run concurrently.
        accelerator: "auto" computes missing scores on a CUDA device if there is one; "cpu"; "cuda", or one of several devices,
            such as "cuda:1". The last bits of scores can differ between a GPU and a CPU, so they are kept separately.
    """

    threads: int = 0
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise WeeError(f"runtime.threads is {self.threads}: it is a number of threads, or 0 for one per processor")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.accelerator):
            raise unknown("accelerator", self.accelerator, ["auto", "cpu", "cuda", "cuda:1"])

    @property
    def count(self) -> int:
        """Number of threads of each job that runs concurrently."""
        return self.threads or max(1, processors() // jobs_at_once())

    @property
    def kinds(self) -> list[str]:
        """The kinds of device whose stored scores are accepted, the preferred kind first."""
        return ["cpu", "cuda"] if self.accelerator == "auto" else [self.accelerator.partition(":")[0]]

    @property
    def device(self) -> str:
        """The device that computes scores, as PyTorch names it."""
        import torch

        if self.accelerator == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        return self.accelerator


@dataclass
class SweepRuntimeConfig(ScoringConfig):
    """Configuration of how a sweep is computed. No number depends on it.

    Attributes:
        threads: number of threads that compute scores; 0 for the number of processors, divided among the jobs of a multirun
            that run concurrently.
        accelerator: "auto" computes missing scores on a CUDA device if there is one; "cpu"; "cuda", or one of several devices,
            such as "cuda:1". The last bits of scores can differ between a GPU and a CPU, so they are kept separately.
        processes: number of processes that compute settings, resamples and validation sets; null for as many as have two
            seconds of work each, by an estimate, up to the number of threads. Each process keeps the sorted scores of one
            lineup in memory.
    """

    processes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.processes is not None and self.processes < 1:
            raise WeeError(
                f"runtime.processes is {self.processes}: it is a number of processes, counted from 1, or null for as many as "
                "are worthwhile"
            )

    def processes_for(self, seconds: float) -> int:
        """Return the number of processes for work that one process would do in an estimated time, in seconds."""
        if self.processes is not None:
            return self.processes
        return max(1, min(self.count, int(seconds / WORTHWHILE)))


@dataclass
class TaskConfig:
    """Configuration of the tasks and metrics.

    Attributes:
        names: tasks, for instance cov@5 or risk@80; windows are set for each task, and each task is measured. A task of your
            own is "module:Name@5"; it has `read(curve, share)`.
            null for the choices of the group `task`.
        metrics: further metrics, for instance aurc. A metric of your own is "module:Name"; it has
            `of_ranking(ranked_outcome)` or `of_outcome(outcome, times)`, and `higher_is_better`.
        convention: "paper" reads curves at the nearest point, as published numbers do; "strict" never exceeds the requested
            risk, always reaches the requested coverage, and accepts or rejects equal scores together.
        choices: the choices of the group `task`, as keys.
    """

    names: Checked[list[str]] = written(None)
    metrics: Checked[list[str]] = written([])
    convention: str = "paper"
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.convention not in CONVENTIONS:
            raise unknown("convention", self.convention, CONVENTIONS)
        self.names, self.choices = names(self.names, self.choices), {}
        self.metrics = [str(name) for name in as_list(self.metrics)]
        if not self.names:
            raise WeeError("task.names is empty: name at least one task, for instance task.names=[cov@5]")
        for name in self.names:
            small = re.fullmatch(r"(.+)@(0?\.\d*[1-9]\d*)", str(name))
            if small:
                per_cent = 100 * float(small[2])
                log.warning(
                    f"{name} is about {float(small[2]):g} per cent; for {per_cent:g} per cent write {small[1]}@{per_cent:g}"
                )


@dataclass
class BootstrapConfig:
    """Configuration of the bootstrap intervals of every number.

    Attributes:
        resamples: number of resamples; 0 for no intervals.
        level: share of the resamples inside an interval, in (0, 1).
        seed: seed of the draws.
    """

    resamples: int = 0
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 0 or not 0 < self.level < 1:
            raise WeeError(
                f"bootstrap.resamples is {self.resamples} and bootstrap.level {self.level}: "
                "resamples are counted from 0, a level lies between 0 and 1"
            )
        if self.seed < 0:
            raise WeeError(f"bootstrap.seed is {self.seed}: a seed is a whole number that is not negative")


@dataclass
class CertificationConfig:
    """Configuration of what a guarantee rests on.

    Attributes:
        delta: the probability that a guarantee fails, in (0, 1).
        share: the share of the independent validation samples that certify; the others tune.
    """

    delta: float = 0.1
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise WeeError(
                f"guarantee.delta is {self.delta:g}: it is the probability that a guarantee fails, between 0 and 1"
            )
        if not 0 < self.share < 1:
            raise WeeError(
                f"guarantee.share is {self.share:g}: it is the share of samples that certify, between 0 and 1"
            )


@dataclass
class CertifiedConfig(CertificationConfig):
    """Configuration of the certified metrics, such as certified@5. Without such a metric, nothing depends on it.

    Each setting is fitted again on the tuning part of the validation set, and its acceptance threshold is certified on the
    other part. The guarantee of a row is about that row alone: choosing among rows by their certified values voids it.

    Attributes:
        delta: the probability that the guarantee of a row fails, in (0, 1).
        share: the share of the independent validation samples that certify; the others tune.
        seed: seed of the split of the validation set, and of the draw of one certification sample of each group.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed < 0:
            raise WeeError(f"guarantee.seed is {self.seed}: a seed is a whole number that is not negative")


@dataclass
class FrontsConfig:
    """Configuration of how fronts are summarised.

    Attributes:
        reference: source of the reference points of hypervolumes, which make sweeps comparable: the name or folder of another
            sweep, or a CSV file with the columns metric, ref_price (or ref_macs), ref_value. null for the most expensive and
            the worst validation point of any policy in this sweep.
    """

    reference: str | None = None


@dataclass
class ValidationStudyConfig:
    """Configuration of the study of the validation set's size, which sets thresholds and windows on resampled sets.

    Attributes:
        sizes: number of validation samples to draw, or a list of numbers; empty for no study.
        draws: number of validation sets drawn for each size.
        seed: seed of the draws.
    """

    sizes: Checked[list[int]] = written([])
    draws: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        self.sizes = as_list(self.sizes)
        for size in self.sizes:
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise WeeError(f"validation.sizes has {size!r}: a size is a number of samples, counted from 1")
        if len(set(self.sizes)) < len(self.sizes):
            raise WeeError(f"validation.sizes names a size twice: {self.sizes}")
        if self.draws < 1:
            raise WeeError(f"validation.draws is {self.draws}: it is a number of validation sets, counted from 1")
        if self.seed < 0:
            raise WeeError(f"validation.seed is {self.seed}: it is a whole number from 0 on")

    @property
    def sets(self) -> int:
        """Number of validation sets in the study: those that are drawn, and the one that they are drawn from."""
        return 1 + len(self.sizes) * self.draws


def check_shares(ood_share: Any) -> list[float]:
    """Return the shares of OOD data in a stream, given as one share or a list.

    Raises:
        WeeError: a share is not a number in (0, 1) or is named twice, or there is none.
    """
    shares = as_list(ood_share)
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            raise WeeError(
                f"ood_share has {share!r}: it is the share of OOD data in the stream, a number greater than 0 and less than 1"
            )
    if not shares or len(set(shares)) < len(shares):
        raise WeeError(f"ood_share is {shares}: give one share, or a list of different shares, such as [0.1,0.5]")
    return [float(share) for share in shares]


def _score(name: Any, decides: bool = False) -> str:
    """Return the name of a score after checking that it exists and, if it decides exits, needs a single network only."""
    if decides and SCORES.find(name).several:
        raise WeeError(f"{name} is about two members or more; it can be evaluated, but decide no exit from one network")
    return SCORES.find(name).name


def _width(width: Any) -> Any:
    if isinstance(width, (list, tuple)):
        return tuple(_share("window.width", stage_width, allow_all=True) for stage_width in width)
    return _share("window.width", width, allow_all=True)


def _share(key: str, value: Any, allow_all: bool = False) -> Any:
    if allow_all and value == "all":
        return "all"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        words = (
            "a number in [0, 1] (the share of validation samples inside), or 'all'"
            if allow_all
            else "a number in [0, 1]"
        )
        raise WeeError(f"{key} is {value!r}: it must be {words}")
    return float(value)
