"""Summaries of the outputs of members: all values that the rest of the method needs, without the class dimension.

The output of a cascade's stage is that of a set of members: the first m members if outputs are averaged, or one exit of a
multi-exit network. `wee.method.logits.summarise` computes a `Summary` for each such set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from wee.method.arrays import Bools, Floats, Ints, Memo
from wee.method.rankings import Ranking

SCORING = 1
"""Version of scoring. It increases when a change to a score or to scoring gives other numbers for the same logits."""

NO_LABEL = -1
"""The label of a sample without a class, such as out-of-distribution data."""


@dataclass(frozen=True)
class Summary(Memo):
    """The scores and predictions of a set of members on N samples.

    Attributes:
        scores: confidence of every sample by score name, each [N]; higher = keep.
        confidence: probability of the predicted class [N], in (0, 1].
        label: predicted class [N].
        correct: whether the predicted class is the true class [N]; False for samples without a class.
        top5: whether the true class is among the five most probable [N].
        log_prob: log probability of the true class [N], in [-inf, 0]; NaN for samples without a class.
        brier: squared distance of the probabilities from the one-hot truth [N], in [0, 2]; NaN for samples without a class.
    """

    scores: Mapping[str, Floats]
    confidence: Floats
    label: Ints
    correct: Bools
    top5: Bools
    log_prob: Floats
    brier: Floats

    def __len__(self) -> int:
        return len(self.label)

    def ranked(self, score: str) -> Ranking:
        """Return the samples by descending confidence."""
        return self.once(("ranked", score), lambda: Ranking.of(self.scores[score], ~self.correct))

    def take(self, samples: Ints) -> Summary:
        """Return the summary of some samples, given by their places in 0 .. N - 1 [n]; a place may occur several times."""
        scores = {name: values[samples] for name, values in self.scores.items()}
        return Summary(scores, **{name: getattr(self, name)[samples] for name in JUDGED})


JUDGED = tuple(field.name for field in fields(Summary) if field.name != "scores")
"""The fields of a summary other than its scores."""
