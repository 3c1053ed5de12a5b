"""Cascades: the stages a sample may leave at, and what comes of where each one leaves.

Source: Xia and Bouganis, ICCV 2023, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wee.errors import WeeError
from wee.method.prefixes import Bools, Floats, Ints, Prefix


@dataclass(frozen=True)
class Outcome:
    """What a cascade finally says about N samples, and what it cost.

    Attributes:
        exits: the stage at which every sample leaves [N], counted from 0.
        scores: its final confidence by score name, each [N].
        confidence, label, correct, top5, log_prob, brier: of the final prediction [N]; see `Prefix`.
        cost: what every sample cost [N], in the unit of the stages' costs (MACs).
    """

    exits: Ints
    scores: Mapping[str, Floats]
    confidence: Floats
    label: Ints
    correct: Bools
    top5: Bools
    log_prob: Floats
    brier: Floats
    cost: Floats


@dataclass(frozen=True)
class Stages:
    """The stages of a cascade on one set of N samples.

    Attributes:
        prefixes: what has been put out after each stage.
        cost: what a sample that leaves at each stage has cost [stages]: the sum over the networks run so
            far, or the cost of the exit in a multi-exit network.
        ids: an id for every sample [N], bytes; what a random policy keys its draws by.

    Raises:
        WeeError: the lengths do not agree, or a cost is not positive and finite.
    """

    prefixes: Sequence[Prefix]
    cost: Sequence[float]
    ids: np.ndarray

    def __post_init__(self) -> None:
        lengths = {len(prefix) for prefix in self.prefixes} | {len(self.ids)}
        if not self.prefixes or len(self.cost) != len(self.prefixes) or len(lengths) != 1:
            raise WeeError(
                f"a cascade needs a cost for every stage and the same samples in all: got {len(self.prefixes)} stages, "
                f"{len(self.cost)} costs, sample counts {sorted(lengths)}"
            )
        if not all(np.isfinite(cost) and cost > 0 for cost in self.cost):
            raise WeeError(f"the cost of every stage must be positive and finite; they are {list(self.cost)}")

    def __len__(self) -> int:
        return len(self.prefixes)

    def at(self, exits: Ints) -> Outcome:
        """What every sample ends with, given the stage at which it leaves.

        Args:
            exits: stages [N], each in 0 .. len(self) - 1.
        """

        def gather(field: str, score: str | None = None) -> np.ndarray:
            columns = [getattr(p, field) if score is None else p.scores[score] for p in self.prefixes]
            result = columns[0].copy()
            for stage, column in enumerate(columns[1:], start=1):
                np.copyto(result, column, where=exits == stage)
            return result

        scores = {name: gather("scores", name) for name in self.prefixes[0].scores}
        rest = {field: gather(field) for field in ("confidence", "label", "correct", "top5", "log_prob", "brier")}
        return Outcome(exits=exits, scores=scores, cost=np.asarray(self.cost, dtype=np.float64)[exits], **rest)
