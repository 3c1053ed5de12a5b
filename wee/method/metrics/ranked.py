"""An outcome ranked by a confidence: what metrics are read off."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints
from wee.method.cascades import Outcome
from wee.method.curves import Convention, Mixture, RiskCoverage
from wee.method.rankings import Ranking

if TYPE_CHECKING:
    from wee.method.metrics.names import Task


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
