"""The random exit: the control that looks at nothing."""

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
    """A share of the samples goes on, whatever they are: the control. It is its own rule.

    There is one draw for each sample and stage, keyed by the sample's id: the same sample has the same draw in every data
    set, order, process and quantity computed.

    Attributes:
        probability: of going on from a stage, in [0, 1].
        seed: another seed is another set of draws.
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
        """The probability, as `fraction`."""
        return {"fraction": self.probability}

    def fit(self, validation: Stages) -> Random:
        """Return the policy itself: there is nothing to fit."""
        return self

    def __call__(self, stages: Stages) -> Ints:
        """The stage at which every sample leaves [N], counted from 0."""
        # The stages keep the draws, which do not depend on the probability.
        kept = (stages.draws(self.seed, stage) for stage in range(len(stages) - 1))
        return last_reached(len(stages.ids), (self._go_on(numbers) for numbers in kept))

    def goes_on(self, stage: int, scores: Mapping[str, Any] | None, ids: NDArray[np.bytes_] | None) -> Bools:
        """Which samples go on [n]; see `StageRule.goes_on`. Only their ids are read.

        Raises:
            WeeError: there are no ids.
        """
        if ids is None:
            raise WeeError("a random exit draws a number for each sample from its id: give the ids of the samples")
        return self._go_on(draws(ids, self.seed, stage))

    def _go_on(self, numbers: Floats) -> Bools:
        """Which samples go on, given the draw of each."""
        return numbers < self.probability

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain data."""
        return {"probability": float(self.probability), "seed": self.seed}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Random:
        """Read what `to_dict` gives."""
        return cls(fields["probability"], fields["seed"])
