"""Rules, which are fitted policies, and their conversion to and from JSON."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wee.compat import repair_on_import
from wee.errors import WeeError
from wee.method.arrays import Bools, Ints
from wee.method.cascades import Stages

if TYPE_CHECKING:
    from torch import Tensor

    Decision: TypeAlias = Bools | Tensor | bool
    """Who goes on: a truth value for each of n samples [n], or one for all of them."""

VERSION = 1
"""Version of the format in which rules are saved."""


class Rule(Protocol):
    """A fitted policy, which decides at which stage samples leave. It does not use labels."""

    def __call__(self, stages: Stages) -> Ints:
        """Return the stage at which every sample leaves [N], counted from 0."""
        ...


@runtime_checkable
class StageRule(Rule, Protocol):
    """A rule that can decide stage by stage, which is what a live cascade needs.

    A rule that fits only some numbers of stages also has `check_stages(stages)`, which raises a WeeError for any other. A rule
    that does not look at the samples' ids may say so by `reads_ids = False`; it is then given none.
    """

    def goes_on(self, stage: int, scores: Mapping[str, Any], ids: NDArray[np.bytes_] | None) -> Decision:
        """Decide which of the samples that have reached a stage go on to the next one.

        Args:
            stage: counted from 0; never the last one.
            scores: confidences at that stage by score name, each [n], float64: numpy arrays, or torch tensors on any device. A
                confidence may be computed when it is read, so a rule reads only what it needs.
            ids: the ids of the samples [n], bytes; None if they are not known.

        Returns:
            A truth value for each sample [n], as a numpy array or a torch tensor; or one truth value for all samples.
        """
        ...


@runtime_checkable
class Saveable(Protocol):
    """A rule that can be saved as JSON; its class has `from_dict`, which reads the data that `to_dict` returns."""

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain data: dicts with text keys, lists, text, finite numbers, booleans and None."""
        ...


@dataclass(frozen=True)
class Interval:
    """The interval of confidences that go on, low <= s <= high, and the threshold that it was set around.

    Attributes:
        low, high: the ends, which are part of the interval; it is empty if low > high.
        tau: the operating threshold of the task; None if the policy has none.
        rank: the percentile rank of tau among the validation scores, in [0, 1]; None if the policy has no tau.
    """

    low: float
    high: float
    tau: float | None = None
    rank: float | None = None

    def __contains__(self, score: float) -> bool:
        return self.low <= score <= self.high


@dataclass(frozen=True)
class IntervalRule:
    """A rule with which a sample goes on from a stage if its confidence lies in the interval of the stage.

    Attributes:
        score: the name of the confidence that decides.
        intervals: an interval for every stage but the last.
    """

    form: ClassVar[str] = "intervals"
    reads_ids: ClassVar[bool] = False

    score: str
    intervals: Sequence[Interval]

    def __call__(self, stages: Stages) -> Ints:
        """Return the stage at which every sample leaves [N], counted from 0.

        Raises:
            WeeError: the number of intervals does not fit the number of stages.
        """
        return decide(self, stages)

    def goes_on(self, stage: int, scores: Mapping[str, Any], ids: NDArray[np.bytes_] | None = None) -> Decision:
        """Return which samples have a confidence in the interval of the stage; see `StageRule.goes_on`.

        The result is of the same kind as the confidence, and on the same device.
        """
        confidences, interval = scores[self.score], self.intervals[stage]
        # The confidence comes first: a numpy number on the left would copy a tensor to the host.
        inside: Decision = (confidences >= interval.low) & (confidences <= interval.high)
        return inside

    def check_stages(self, stages: int) -> None:
        """Check that there is an interval for each stage but the last.

        Raises:
            WeeError: there is not one interval for each stage but the last.
        """
        check_length(stages, self.intervals)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain data; infinite ends are the texts "inf" and "-inf", which strict JSON allows."""
        return {
            "score": self.score,
            "intervals": [
                {name: number_to_json(getattr(interval, name)) for name in ("low", "high", "tau", "rank")}
                for interval in self.intervals
            ],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> IntervalRule:
        """Create the rule from the data that `to_dict` returns."""
        intervals = []
        for interval in fields["intervals"]:
            tau, rank = (None if interval[name] is None else float(interval[name]) for name in ("tau", "rank"))
            intervals.append(Interval(float(interval["low"]), float(interval["high"]), tau, rank))
        return cls(str(fields["score"]), intervals)


@dataclass(frozen=True)
class FixedRule:
    """A rule with which every sample leaves at the same stage.

    Attributes:
        stage: the stage, counted from 0.
    """

    form: ClassVar[str] = "fixed"
    reads_ids: ClassVar[bool] = False

    stage: int

    def __call__(self, stages: Stages) -> Ints:
        """Return the stage at which every sample leaves [N].

        Raises:
            WeeError: there is no such stage.
        """
        return decide(self, stages)

    def goes_on(
        self, stage: int, scores: Mapping[str, Any] | None = None, ids: NDArray[np.bytes_] | None = None
    ) -> bool:
        """Return whether all samples go on; see `StageRule.goes_on`. Nothing is read."""
        return stage < self.stage

    def check_stages(self, stages: int) -> None:
        """Check that the stage exists.

        Raises:
            WeeError: the stage is not in 0 .. stages - 1.
        """
        if not 0 <= self.stage < stages:
            raise WeeError(f"every sample is to leave at stage {self.stage}, but stages run from 0 to {stages - 1}")

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        return {"stage": self.stage}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> FixedRule:
        """Create the rule from the data that `to_dict` returns."""
        return cls(int(fields["stage"]))


def decide(rule: IntervalRule | FixedRule, stages: Stages) -> Ints:
    """The stage at which every sample leaves [N], by a rule's decision at each stage.

    Raises:
        WeeError: the rule does not fit the number of stages.
    """
    rule.check_stages(len(stages))
    summaries = stages.summaries[:-1]
    return last_reached(
        len(stages.ids), (rule.goes_on(k, summary.scores, stages.ids) for k, summary in enumerate(summaries))
    )


def last_reached(count: int, decisions: Iterable[Any]) -> Ints:
    """The stage at which every sample leaves [N], counted from 0.

    Args:
        count: N.
        decisions: for each stage but the last, who goes on: a boolean array [N], or one truth value for all. What is decided
            at a stage about a sample that does not reach it does not count.
    """
    exits = np.zeros(count, dtype=np.int64)
    running = np.ones(count, dtype=np.bool_)
    for decision in decisions:
        running &= decision
        exits += running
    return exits


def rule_to_dict(rule: Rule, forms: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return a rule as strict JSON data: its version, its form and its fields.

    Args:
        rule: the rule.
        forms: the built-in classes of rules, by the name of their form. Any other class is named as "module:Name".

    Raises:
        WeeError: the rule cannot be saved; the message says what is missing.
    """
    kind = type(rule)
    form = next((name for name, known in forms.items() if known is kind), f"{kind.__module__}:{kind.__qualname__}")
    if not isinstance(rule, Saveable) or not callable(getattr(kind, "from_dict", None)):
        raise WeeError(f"the rule {form} cannot be saved: it needs to_dict() and the class method from_dict(fields)")
    record = {"version": VERSION, "form": form, **rule.to_dict()}
    try:
        json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeeError(f"the rule {form} cannot be saved: its to_dict() is not strict JSON: {error}") from None
    return record


def rule_from_dict(record: Mapping[str, Any], forms: Mapping[str, type[Any]]) -> Rule:
    """Create a rule from the data that `rule_to_dict` returns.

    Raises:
        WeeError: the record has another version, or its form does not exist or lacks fields.
    """
    fields = dict(record)
    version, form = fields.pop("version", None), str(fields.pop("form", None))
    if version != VERSION:
        raise WeeError(f"the rule is of version {version}, and this version of wee reads version {VERSION}")
    try:
        rule: Rule = (forms[form] if form in forms else _plugin(form)).from_dict(fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeeError(f"the rule of form {form} cannot be read: {type(error).__name__}: {error}") from None
    return rule


def number_to_json(number: float | None) -> float | str | None:
    """Return a number for strict JSON; infinities become the texts "inf" and "-inf", which `float` reads."""
    if number is None:
        return None
    return float(number) if np.isfinite(number) else str(float(number))


def check_length(stages: int, settings: Sequence[object]) -> None:
    """Check that there is a setting for each stage but the last.

    Raises:
        WeeError: the number of settings is not the number of stages minus one.
    """
    if len(settings) != stages - 1:
        raise WeeError(
            f"a cascade of {stages} stages needs {stages - 1} windows, one for each but the last; got {len(settings)}"
        )


def _plugin(form: str) -> Any:
    """Return the class of a plug-in's rule."""
    module, _, name = form.partition(":")
    repair_on_import()  # a plug-in may import torchvision
    try:
        target = importlib.import_module(module)
        for part in name.split("."):
            target = getattr(target, part)
    except (ImportError, ValueError, AttributeError) as error:
        raise WeeError(f"there is no rule '{form}': {error}; is the folder of {module}.py on the PYTHONPATH?") from None
    return target
