"""Cascades: the stages at which a sample may leave, and the outcome for samples that leave at given stages.

Source: Xia and Bouganis, ICCV 2023, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints, Memo
from wee.method.draws import draws
from wee.method.rankings import Ranking, StageRanking
from wee.method.summaries import Summary


class Outcome(Memo):
    """The final predictions of a cascade on N samples, and their cost. Values are computed when they are first used.

    Args:
        stages: the stages of the cascade.
        exits: the stage at which every sample leaves [N], counted from 0.
    """

    def __init__(self, stages: Stages, exits: NDArray[np.integer]) -> None:
        self.stages, self.exits = stages, exits

    def __len__(self) -> int:
        return len(self.exits)

    @property
    def scores(self) -> Mapping[str, Floats]:
        """Final confidence by score name, each [N]."""
        return _Scores(self)

    @cached_property
    def confidence(self) -> Floats:
        """Probability of the predicted class [N], in (0, 1]."""
        return cast("Floats", self._gather("confidence"))

    @cached_property
    def label(self) -> Ints:
        """Predicted class [N]."""
        return cast("Ints", self._gather("label"))

    @property
    def truth(self) -> Ints:
        """True class [N]; `wee.method.summaries.NO_LABEL` (-1) for samples without a class.

        Raises:
            WeeError: the stages were made without true classes.
        """
        if self.stages.truth is None:
            raise WeeError("this outcome has no true classes: make its stages with them, Stages(.., truth=labels)")
        return self.stages.truth

    @cached_property
    def correct(self) -> Bools:
        """Whether the predicted class is the true class [N]."""
        return cast("Bools", self._gather("correct"))

    @cached_property
    def top5(self) -> Bools:
        """Whether the true class is among the five most probable [N]."""
        return cast("Bools", self._gather("top5"))

    @cached_property
    def log_prob(self) -> Floats:
        """Log probability of the true class [N]; NaN for samples without a class."""
        return cast("Floats", self._gather("log_prob"))

    @cached_property
    def brier(self) -> Floats:
        """Squared distance of the probabilities from the one-hot truth [N]; NaN for samples without a class."""
        return cast("Floats", self._gather("brier"))

    @cached_property
    def cost(self) -> Floats:
        """The cost of every sample [N], in the unit of the stages' costs (MACs)."""
        costs: Floats = np.asarray(self.stages.cost, dtype=np.float64)[self.exits]
        return costs

    @cached_property
    def mean_cost(self) -> float:
        """The mean cost of a sample."""
        share = np.bincount(self.exits, minlength=len(self.stages)) / len(self)
        return float((share * np.asarray(self.stages.cost)).sum())

    def score(self, name: str) -> Floats:
        """Return the final confidence of every sample [N]."""
        columns = [summary.scores[name] for summary in self.stages.summaries]
        return cast("Floats", self.once(("score", name), lambda: self._pick(columns)))

    def ranked(self, score: str) -> Ranking:
        """Return the samples by descending final confidence."""
        return self.once(("ranked", score), lambda: self.stages.order(score).select(self.exits))

    def ranked_beside(self, ood: Outcome, score: str) -> Ranking:
        """Return the samples and those of an OOD outcome by descending final confidence; OOD samples are numbered from N on."""

        def make() -> tuple[Outcome, Ranking]:
            order = self.stages.order_beside(ood.stages, score)
            return ood, order.select(np.concatenate([self.exits, ood.exits]))

        return self.once(("beside", id(ood), score), make)[1]

    def _gather(self, field: str) -> Any:
        return self._pick([getattr(summary, field) for summary in self.stages.summaries])

    def _pick(self, columns: Sequence[NDArray[Any]]) -> Any:
        result = columns[0].copy()
        for stage, column in enumerate(columns[1:], start=1):
            np.copyto(result, column, where=self.exits == stage)
        return result


class _Scores(Mapping[str, Floats]):
    """The scores of an outcome by name; each is gathered when it is used."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    def __getitem__(self, name: str) -> Floats:
        return self._outcome.score(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._outcome.stages.summaries[0].scores)

    def __len__(self) -> int:
        return len(self._outcome.stages.summaries[0].scores)


@dataclass(frozen=True)
class Stages(Memo):
    """The stages of a cascade on one set of N samples.

    Attributes:
        summaries: the summary of the output after each stage.
        cost: the cost of a sample that leaves at each stage [stages]: the sum over the networks run so far, or the cost up to
            the exit of a multi-exit network.
        ids: id of every sample [N], bytes; the draws of a random policy depend on it.
        truth: true class of every sample [N]; None if metrics do not need it, since summaries know what is correct.

    Raises:
        WeeError: the lengths do not agree, or a cost is not positive and finite.
    """

    summaries: Sequence[Summary]
    cost: Sequence[float]
    ids: np.ndarray
    truth: Ints | None = None

    def __post_init__(self) -> None:
        lengths = {len(summary) for summary in self.summaries} | {len(self.ids)}
        lengths |= set() if self.truth is None else {len(self.truth)}
        if not self.summaries or len(self.cost) != len(self.summaries) or len(lengths) != 1:
            raise WeeError(
                f"a cascade needs a cost for every stage and the same samples in all: got {len(self.summaries)} stages, "
                f"{len(self.cost)} costs, sample counts {sorted(lengths)}"
            )
        if not all(np.isfinite(cost) and cost > 0 for cost in self.cost):
            raise WeeError(f"the cost of every stage must be positive and finite; they are {list(self.cost)}")

    def __len__(self) -> int:
        return len(self.summaries)

    def at(self, exits: NDArray[np.integer]) -> Outcome:
        """Return the outcome for samples that leave at given stages.

        Args:
            exits: the stage at which each sample leaves [N], in 0 .. len(self) - 1.

        Raises:
            WeeError: a stage does not exist, or the number of stages is not N.
        """
        if exits.shape != (len(self.ids),) or (len(exits) and not 0 <= exits.min() <= exits.max() < len(self)):
            raise WeeError(
                f"{len(self.ids)} samples leave at stages 0 to {len(self) - 1}; got {exits.shape} exits from "
                f"{exits.min() if exits.size else '-'} to {exits.max() if exits.size else '-'}"
            )
        return Outcome(self, exits)

    def repeat(self, times: Ints) -> Stages:
        """Return the same stages on a set in which each sample is repeated `times` [N] times."""
        places = np.repeat(np.arange(len(self.ids)), times)
        return self.take(places, [summary.take(places) for summary in self.summaries])

    def take(self, places: Ints, summaries: Sequence[Summary]) -> Stages:
        """Return the stages on some samples.

        Args:
            places: the samples, as places in 0 .. N - 1 [n]; a place may occur several times.
            summaries: the summaries on these samples.
        """
        truth = None if self.truth is None else self.truth[places]
        return Stages(summaries, self.cost, self.ids[places], truth)

    def order(self, score: str) -> StageRanking:
        """Return the confidences of all stages by one score, pooled and sorted. Computed once and cached."""
        return self.once(("order", score), lambda: StageRanking(*self._columns(score)))

    def order_beside(self, ood: Stages, score: str) -> StageRanking:
        """Return the confidences of all stages for these samples followed by those of an OOD set, sorted together once."""

        def make() -> tuple[Stages, StageRanking]:
            (id_scores, wrong), (ood_scores, _) = self._columns(score), ood._columns(score)
            # Accepting a sample without a class is always an error.
            return ood, StageRanking(
                np.concatenate([id_scores, ood_scores]), np.concatenate([wrong, np.ones_like(ood_scores, np.bool_)])
            )

        # The memo keeps the other set, so that no other object can get its id.
        return self.once(("beside", id(ood), score), make)[1]

    def draws(self, seed: int, stage: int) -> Floats:
        """Return a uniform number in [0, 1) for every sample [N], which depends only on its id, the seed and the stage."""
        return self.once(("draws", seed, stage), lambda: draws(self.ids, seed, stage))

    def _columns(self, score: str) -> tuple[Floats, Bools]:
        """Return confidences, and whether predictions are wrong, each [N, stages]."""
        scores = np.stack([summary.scores[score] for summary in self.summaries], axis=1)
        return scores, ~np.stack([summary.correct for summary in self.summaries], axis=1)
