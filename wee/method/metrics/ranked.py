"""Outcomes ranked by a confidence, from which metrics are computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from wee.errors import WeeError
from wee.method.arrays import Bools, Floats, Ints
from wee.method.cascades import Outcome
from wee.method.curves import OOD_SHARE, Convention, Mixture, RiskCoverage
from wee.method.rankings import Ranking

if TYPE_CHECKING:
    from wee.method.metrics.names import Task


@dataclass(frozen=True)
class _Together:
    """The ID and the OOD samples of a ranked outcome, ranked together when they are first used.

    Attributes:
        outcome, ood: the outcomes on ID and OOD data.
        score: the name of the confidence score.
        times, ood_times: how often each sample counts; None for once each.
    """

    outcome: Outcome
    ood: Outcome
    score: str
    times: Ints | None
    ood_times: Ints | None

    @cached_property
    def ranked(self) -> Ranking:
        """The ranking of both; OOD samples are numbered after the ID samples."""
        ranked = self.outcome.ranked_beside(self.ood, self.score)
        if self.times is None or self.ood_times is None:
            return ranked
        return ranked.repeat(np.concatenate([self.times, self.ood_times]))

    @cached_property
    def is_ood(self) -> Bools:
        """Whether each sample of `ranked` is an OOD sample."""
        return self.ranked.samples >= len(self.outcome)


class RankedOutcome:
    """An outcome ranked by a confidence, alone or together with the outcome on an OOD set. All its metrics share it.

    Args:
        outcome: the outcome on ID data.
        score: the name of the confidence score.
        ood: the outcome on OOD data; None if there is none.
        convention: the convention of curves.
        times: how often each ID sample counts [N]; None for once each. See `wee.method.bootstrap`.
        ood_times: how often each OOD sample counts [n]; None for once each.
        thresholds: the acceptance threshold of each task, fixed on the validation set; needed by deployed metrics.
        ood_share: the share of OOD data in the stream, in (0, 1), whatever the numbers of samples.
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
        ood_share: float = OOD_SHARE,
    ) -> None:
        self.outcome, self.score, self.ood, self.convention = outcome, score, ood, convention
        self._times, self._ood_times = times, ood_times
        self.thresholds: Mapping[Task, float] = thresholds or {}
        self.ood_share = ood_share

    @cached_property
    def ranked(self) -> Ranking:
        """The ranking of the ID samples."""
        ranked = self.outcome.ranked(self.score)
        return ranked if self._times is None else ranked.repeat(self._times)

    @cached_property
    def ood_scores(self) -> Floats:
        """Confidences of the OOD samples [n], in any order.

        Raises:
            WeeError: there is no OOD data.
        """
        scores = self._other.scores[self.score]
        return scores if self._ood_times is None else np.repeat(scores, self._ood_times)

    @property
    def beside(self) -> Ranking:
        """The ranking of the ID and the OOD samples together; OOD samples are numbered after the ID samples.

        Raises:
            WeeError: there is no OOD data.
        """
        return self._together.ranked

    @property
    def is_ood(self) -> Bools:
        """Whether each sample of `beside` is an OOD sample."""
        return self._together.is_ood

    @cached_property
    def _together(self) -> _Together:
        return _Together(self.outcome, self._other, self.score, self._times, self._ood_times)

    @cached_property
    def curve(self) -> RiskCoverage:
        """The risk-coverage curve of the ID samples."""
        return RiskCoverage(self.ranked, self.convention)

    @cached_property
    def mixture(self) -> Mixture:
        """The risk-coverage curve of ID and OOD samples together; the OOD samples have a total weight of `ood_share`."""
        together = self._together  # not self, which would keep itself, and its arrays, from being freed at once
        return Mixture(lambda: (together.ranked, together.is_ood), self.curve, self.ood_scores, self.ood_share)

    @property
    def _other(self) -> Outcome:
        if self.ood is None:
            raise WeeError("this metric needs OOD data, and there is none")
        return self.ood

    def with_ood(self, ood: Outcome, ood_share: float = OOD_SHARE) -> RankedOutcome:
        """Return the same ID outcome together with OOD data; the ranking and the curve of the ID samples are reused."""
        ranking = RankedOutcome(
            self.outcome, self.score, ood, self.convention, thresholds=self.thresholds, ood_share=ood_share
        )
        ranking.ranked, ranking.curve = self.ranked, self.curve
        return ranking
