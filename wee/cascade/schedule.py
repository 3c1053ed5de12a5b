"""Decisions that are known beforehand, for measurements: a cascade decides, and sends on the samples of a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wee.errors import WeeError
from wee.method import Rule, Stages
from wee.method.arrays import Floats, Ints
from wee.method.policies import StageRule

if TYPE_CHECKING:
    from wee.method.policies.rules import Decision


def draw_exits(reaching: Sequence[float], count: int, seed: int) -> Ints:
    """Return the stages at which samples leave, in random order.

    The share of the samples that reaches each stage is the given one, to within one sample.

    Args:
        reaching: the share of samples that reaches each stage; it begins with 1 and does not increase.
        count: the number of samples.
        seed: the seed of the order.

    Returns:
        The stage of each sample [count], counted from 0.

    Raises:
        WeeError: the shares do not begin with 1, or increase.

    Example:
        >>> sorted(draw_exits([1.0, 0.25], 8, seed=0).tolist())
        [0, 0, 0, 0, 0, 0, 1, 1]
    """
    shares = np.asarray(reaching, dtype=np.float64)
    if shares[0] != 1 or np.any(np.diff(shares) > 0) or shares[-1] < 0:
        raise WeeError(
            f"the shares that reach the stages must begin with 1 and not increase; they are {list(reaching)}"
        )
    reached = np.rint(shares * count).astype(np.int64)
    leaving = reached - np.append(reached[1:], 0)
    exits = np.repeat(np.arange(len(shares)), leaving)
    return exits[np.argsort(np.random.Generator(np.random.PCG64(seed)).random(count), kind="stable")]


def shares_reaching(exits: Ints, stages: int) -> Floats:
    """Return the share of samples that reaches each of some stages [stages], given where they leave [N]."""
    return np.array([(exits >= stage).mean() for stage in range(stages)])


class ScheduledRule:
    """A rule that decides, and then sends on the samples of a schedule.

    The rule is evaluated on the confidences of the live networks, so that a measurement includes its time. Its decision is not
    used: networks with other weights, or on other images, would send on other samples.

    Args:
        rule: the rule that decides.
        exits: the stage at which each sample leaves, for each batch [batches, samples in a batch].
        device: where decisions are made.

    Attributes:
        batch: the number of the batch that runs now.
        reads_ids: whether the rule looks at the samples' ids.
    """

    def __init__(self, rule: StageRule, exits: Ints, device: str | torch.device = "cpu") -> None:
        self.rule, self.exits, self.batch = rule, exits, 0
        self.reads_ids = bool(getattr(rule, "reads_ids", True))
        self.score = getattr(rule, "score", None)
        self._masks = [_masks(leaving, device) for leaving in exits]

    def __call__(self, stages: Stages) -> Ints:
        """Return the decisions of the rule that is scheduled."""
        rule: Rule = self.rule
        return rule(stages)

    def goes_on(self, stage: int, scores: Mapping[str, Any], ids: NDArray[np.bytes_] | None) -> Decision:
        """Let the rule decide, and return which of the samples that have reached the stage go on by the schedule."""
        self.rule.goes_on(stage, scores, ids)
        return self._masks[self.batch][stage]

    def check_stages(self, stages: int) -> None:
        """Check that the rule fits the number of stages, if it can check it."""
        check: Any = getattr(self.rule, "check_stages", None)
        if check is not None:
            check(stages)


def _masks(exits: Ints, device: str | torch.device) -> list[Tensor]:
    """Return for each stage of a batch which of the samples that have reached it go on."""
    return [
        torch.from_numpy(exits[exits >= stage] > stage).to(device) for stage in range(int(exits.max(initial=0)) + 1)
    ]
