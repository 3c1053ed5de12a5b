"""Typed configs of a sweep. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from wee.config.common import as_list
from wee.errors import WeeError, unknown

POLICIES = ("single", "ensemble", "window", "threshold", "random")
SCORES = ("msp", "entropy", "max_logit", "energy", "mean_msp", "mean_entropy")
SAME = "same"


@dataclass
class WindowConfig:
    """How wide windows are.

    Attributes:
        width: one width or a list of them: a number in [0, 1], the share of validation samples inside, or "all".
    """

    width: Any = 0.2

    def __post_init__(self) -> None:
        self.width = [_share("window.width", width, allow_all=True) for width in as_list(self.width)]


@dataclass
class ScoreConfig:
    """Which confidences decide and which are evaluated.

    Attributes:
        exit: what samples go on by: one score or a list of them.
        evaluation: what the result is ranked by: one score, a list of them, or "same": the one it went on by.
    """

    exit: Any = "msp"
    evaluation: Any = SAME

    def __post_init__(self) -> None:
        self.exit = _known("score", as_list(self.exit), SCORES)
        self.evaluation = _known("score", as_list(self.evaluation), (*SCORES, SAME))

    def evaluations(self, exit_score: str | None) -> list[str]:
        """The evaluation scores for something that goes on by a score; None for what goes on by none."""
        same = self.exit if exit_score is None else [exit_score]
        return list(dict.fromkeys(one for e in self.evaluation for one in (same if e == SAME else [e])))

    def needed(self) -> list[str]:
        """Every score that has to be computed."""
        return list(dict.fromkeys([*self.exit, *self.evaluations(None)]))


@dataclass
class PolicyConfig:
    """Which policies are compared.

    Attributes:
        names: some of single, ensemble, window, threshold, random.
        quantile: of the single threshold: one or a list, in [0, 1].
        probability: of the random exit: one or a list, in [0, 1].
        seed: of the random exit.
    """

    names: Any = MISSING
    quantile: Any = 0.2
    probability: Any = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        self.names = _known("policy", as_list(self.names), POLICIES)
        self.quantile = [_share("policy.quantile", q) for q in as_list(self.quantile)]
        self.probability = [_share("policy.probability", p) for p in as_list(self.probability)]


@dataclass
class TaskConfig:
    """What is asked of a system.

    Attributes:
        names: tasks, for instance cov@5 or risk@80; windows are set for each, and each is measured.
        metrics: what is measured besides, for instance aurc.
    """

    names: Any = MISSING
    metrics: Any = MISSING

    def __post_init__(self) -> None:
        self.names = [str(name) for name in as_list(self.names)]
        self.metrics = [str(name) for name in as_list(self.metrics)]
        if not self.names:
            raise WeeError("task.names is empty: name at least one task, for instance task.names=[cov@5]")


def _known(what: str, names: list[Any], existing: tuple[str, ...]) -> list[str]:
    for name in names:
        if name not in existing:
            raise unknown(what, name, existing)
    if not names:
        raise WeeError(f"no {what} is chosen; choose from {', '.join(existing)}")
    return [str(name) for name in dict.fromkeys(names)]


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
