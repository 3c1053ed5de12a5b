"""What a set of members says about samples: all that the rest of the method needs to know, with no class dimension left.

A stage of a cascade puts out what a set of members says together: the first m members where outputs are averaged, the
exit alone in a multi-exit network. `wee.method.logits.summarise` makes a `Summary` for each such set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from wee.method.arrays import Bools, Floats, Ints, Memo
from wee.method.rankings import Ranking

SCORING = 1
"""Version of the numbers that come of the same logits: raised whenever a change to a score or to scoring moves any."""

NO_LABEL = -1
"""The label of a sample that belongs to no class: out-of-distribution data."""


@dataclass(frozen=True)
class Summary(Memo):
    """What a set of members says about N samples.

    Attributes:
        scores: confidence of every sample by score name, each [N]; higher = keep.
        confidence: probability of the predicted class [N], in (0, 1].
        label: predicted class [N].
        correct: whether it is the true one [N]; False where there is no true class.
        top5: whether the true class is among the five most probable [N].
        log_prob: log probability of the true class [N], in [-inf, 0]; NaN where there is none.
        brier: squared distance of the probabilities from the one-hot truth [N], in [0, 2]; NaN likewise.
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
        """The samples by descending confidence."""
        return self.once(("ranked", score), lambda: Ranking.of(self.scores[score], ~self.correct))

    def take(self, samples: Ints) -> Summary:
        """What is known of some of the samples, given by their places in 0 .. N - 1 [n]; a place may occur repeatedly."""
        scores = {name: values[samples] for name, values in self.scores.items()}
        return Summary(scores, **{name: getattr(self, name)[samples] for name in JUDGED})


JUDGED = tuple(field.name for field in fields(Summary) if field.name != "scores")
"""The fields of a summary beside its scores."""
