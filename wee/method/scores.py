"""The catalogue of confidence scores of the predictions of a network, or of the first m members of an ensemble.

Every score is a confidence: higher means keep the prediction. Scores are computed in float64, because the softmax
probabilities of confident samples are so close to each other that float32 would make ties. This module does not import
torch: a score is a function of the members' outputs (`wee.method.logits.Outputs`), which provide tensors.

Source: Xia and Bouganis, ICCV 2023, section 2; other sources are given with the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wee.catalogue import Catalogue, call_plugin, first_line
from wee.errors import WeeError

if TYPE_CHECKING:
    from torch import Tensor

    from wee.method.logits import Outputs


DEFAULT_SCORE = "msp"
"""The name of the score that decides and ranks by default."""


@dataclass(frozen=True)
class Score:
    """A confidence score.

    Attributes:
        name: the name that users type and that tables contain.
        function: function from the outputs of m members on n samples to confidences, a torch tensor [n].
        help: a description of one line, with the range.
        several: whether the score needs two or more members. Such a score ranks ensembles, and cannot decide an exit.
        own: whether the function is that of a plug-in, whose results are checked.
    """

    name: str
    function: Callable[[Outputs], Tensor]
    help: str
    several: bool = False
    own: bool = False

    @property
    def label(self) -> str:
        """The name on figures."""
        return self.name.partition(":")[2] or self.name.replace("_", " ")

    def __call__(self, outputs: Outputs) -> Tensor:
        """Return the confidences of n samples [n].

        Raises:
            WeeError: the function of a plug-in raised an exception, or did not return a floating-point tensor [n] without NaN.
        """
        if not self.own:
            return self.function(outputs)
        return _checked(self.name, call_plugin("score", self.name, self.function, outputs), outputs)


def _margin(outputs: Outputs) -> Tensor:
    top = outputs.probs.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]


def _mean(values: list[Tensor]) -> Tensor:
    """Return the mean of tensors, summed in the given order. A single tensor is returned without a copy."""
    if len(values) == 1:
        return values[0]
    total = values[0] + values[1]
    for value in values[2:]:
        total += value
    mean: Tensor = total.div_(len(values))
    return mean


def _mean_of(attribute: str) -> Callable[[Outputs], Tensor]:
    """Return a function that computes the mean of an attribute over the members."""
    return lambda outputs: _mean([getattr(member, attribute) for member in outputs.members])


def _checked(name: str, result: Any, outputs: Outputs) -> Tensor:
    """Return what a plug-in's score returned, a floating-point tensor or numpy array [n], as a float64 tensor [n].

    Raises:
        WeeError: it is something else, or contains NaN.
    """
    import torch

    logits = outputs.members[0].logits
    count = len(logits)
    right = f"a score returns a floating-point tensor of shape [n], here [{count}], with one confidence for each sample"
    if not isinstance(result, (torch.Tensor, np.ndarray)):
        raise WeeError(f"the score {name} returned a {type(result).__name__}: {right}")
    shape, dtype = list(result.shape), str(result.dtype)
    if shape != [count] or "float" not in dtype:
        raise WeeError(
            f"the score {name} returned a {type(result).__name__} of shape {shape} and type {dtype}: {right}"
        )
    confidences = torch.as_tensor(result).detach().to(logits.device, torch.float64)
    missing = int(confidences.isnan().sum())
    if missing:
        raise WeeError(
            f"the score {name} returned NaN for {missing} of {count} samples, and NaN cannot be ranked: {right}"
        )
    return confidences


def _from_plugin(name: str, plugin: Any) -> Score:
    """Return the score that a plug-in's object defines: a `Score`, or a function of `Outputs`."""
    if isinstance(plugin, Score):
        return Score(name, plugin.function, plugin.help, plugin.several, own=True)
    if not callable(plugin):
        raise WeeError(f"the score {name} is a {type(plugin).__name__}; a score is a function of wee.method.Outputs")
    description = first_line(plugin) or "A score of your own."
    return Score(name, plugin, description, bool(getattr(plugin, "several", False)), own=True)


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
