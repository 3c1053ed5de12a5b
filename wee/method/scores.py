"""The catalogue of confidence scores: what a network, or the first m members of an ensemble, says about its own prediction.

Every score is a confidence: higher means keep the prediction. All are computed in float64, because softmax pushes confident
samples so close together that float32 makes ties where there are none. This module imports no torch: a score is given the
outputs of the members (`wee.method.logits.Outputs`) and asks them for tensors.

Source: Xia and Bouganis, ICCV 2023, section 2; other sources stand at the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wee.catalogue import Catalogue
from wee.errors import WeeError

if TYPE_CHECKING:
    from torch import Tensor

    from wee.method.logits import Outputs


DEFAULT_SCORE = "msp"
"""The name of the score that decides and ranks where nothing else is said."""


@dataclass(frozen=True)
class Score:
    """A confidence score.

    Attributes:
        name: what users type and tables contain.
        function: maps the outputs of m members on n samples to n confidences, a torch tensor [n].
        help: one line: what it is, and its range.
        several: whether it needs two members or more. Such a score ranks ensembles, and cannot decide an exit.
    """

    name: str
    function: Callable[[Outputs], Tensor]
    help: str
    several: bool = False

    @property
    def label(self) -> str:
        """What figures call it."""
        return self.name.partition(":")[2] or self.name.replace("_", " ")

    def __call__(self, outputs: Outputs) -> Tensor:
        """The confidences of n samples [n]."""
        return self.function(outputs)


def _margin(outputs: Outputs) -> Tensor:
    top = outputs.probs.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]


def _mean(values: list[Tensor]) -> Tensor:
    """The mean, in the order given; one value is its own mean, and is not copied."""
    if len(values) == 1:
        return values[0]
    total = values[0] + values[1]
    for value in values[2:]:
        total += value
    mean: Tensor = total.div_(len(values))
    return mean


def _mean_of(attribute: str) -> Callable[[Outputs], Tensor]:
    """The mean over the members of something that each has."""
    return lambda outputs: _mean([getattr(member, attribute) for member in outputs.members])


def _from_plugin(name: str, plugin: Any) -> Score:
    """Make a score of a plug-in's object: a `Score`, or a function of the outputs."""
    if isinstance(plugin, Score):
        return Score(name, plugin.function, plugin.help, plugin.several)
    if not callable(plugin):
        raise WeeError(f"the score {name} is a {type(plugin).__name__}; a score is a function of wee.method.Outputs")
    words = (plugin.__doc__ or "A score of your own.").strip().splitlines()[0]
    return Score(name, plugin, words, bool(getattr(plugin, "several", False)))


SCORES: Catalogue[Score] = Catalogue(
    "score",
    [
        Score(
            DEFAULT_SCORE, lambda outputs: outputs.peak, "maximum softmax probability of the mean prediction, in (0, 1]"
        ),
        Score(
            "entropy",
            lambda outputs: outputs.entropy,
            "negative entropy of the mean prediction, in [-log classes, 0]; p = 0 contributes 0",
        ),
        Score("max_logit", _mean_of("largest"), "mean of the members' largest logits"),
        Score(
            "energy", _mean_of("logsumexp"), "mean of the members' logsumexp (Liu et al., NeurIPS 2020), temperature 1"
        ),
        Score("margin", _margin, "largest minus second largest probability of the mean prediction, in [0, 1]"),
        Score(
            "gini",
            lambda outputs: outputs.sum_of_squares,
            "sum of the squared mean probabilities, in [1 / classes, 1] (Granese et al., NeurIPS 2021)",
        ),
        Score("mean_msp", _mean_of("peak"), "mean of the members' own maximum softmax probabilities, in (0, 1]"),
        Score("mean_entropy", _mean_of("entropy"), "mean of the members' own negative entropies, in [-log classes, 0]"),
        Score(
            "expected_entropy",
            _mean_of("entropy"),
            "mean negative entropy of two members or more: aleatoric uncertainty, in [-log classes, 0]",
            several=True,
        ),
        Score(
            "mutual_information",
            lambda outputs: (outputs.entropy - _mean_of("entropy")(outputs)).clamp_(max=0),
            "minus the disagreement of two members or more (Houlsby et al., 2011), in [-log classes, 0]",
            several=True,
        ),
    ],
    _from_plugin,
)
"""The scores. `msp`, `entropy`, `max_logit` and `energy` are the paper's four."""
