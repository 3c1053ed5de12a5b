"""The random exit, a control that ignores confidences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints
from wee.method.cascades import Stages
from wee.method.draws import draws
from wee.method.policies.base import Look, Policy
from wee.method.policies.quantiles import check_fraction
from wee.method.policies.rules import last_reached


@dataclass(frozen=True)
class Random(Policy):
    """A random share of the samples goes on, as a control. The policy is its own rule.

    There is one draw for each sample and stage, which depends only on the sample's id, the seed and the stage, and not on the
    data set, the order or the process.

    Attributes:
        probability: the probability of going on from a stage, in [0, 1].
        seed: the seed of the draws.
    """

    name: ClassVar[str] = "random"
    label: ClassVar[str] = "random exit"
    help: ClassVar[str] = "a random share of the samples goes on: the control"
    look: ClassVar[Look] = Look("#E69F00", "D", (0, (3, 1, 1, 1)))
    summarised: ClassVar[bool] = False
    column: ClassVar[str | None] = "fraction"
    form: ClassVar[str] = "draws"
    reads_ids: ClassVar[bool] = True

    probability: float
    seed: int = 0

    def __post_init__(self) -> None:
        check_fraction("probability of a random exit", self.probability)

    def columns(self) -> dict[str, Any]:
        """Return the probability, as `fraction`."""
        return {"fraction": self.probability}

    def fit(self, validation: Stages) -> Random:
        """Return the policy itself, because there is nothing to fit."""
        return self

    def __call__(self, stages: Stages) -> Ints:
        """Return the stage at which every sample leaves [N], counted from 0."""
        # The stages keep the draws, which do not depend on the probability.
        kept = (stages.draws(self.seed, stage) for stage in range(len(stages) - 1))
        return last_reached(len(stages.ids), (self._go_on(numbers) for numbers in kept))

    def goes_on(self, stage: int, scores: Mapping[str, Any] | None, ids: NDArray[np.bytes_] | None) -> Bools:
        """Return which samples go on [n]; see `StageRule.goes_on`. Only their ids are read.

        Raises:
            WeeError: there are no ids.
        """
        if ids is None:
            raise WeeError("a random exit draws a number for each sample from its id: give the ids of the samples")
        return self._go_on(draws(ids, self.seed, stage))

    def _go_on(self, numbers: Floats) -> Bools:
        """Return which samples go on, given the draw of each."""
        return numbers < self.probability

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        return {"probability": float(self.probability), "seed": self.seed}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Random:
        """Create the rule from the data that `to_dict` returns."""
        return cls(fields["probability"], fields["seed"])
