"""Confidence scores: what a network, or the first m members of an ensemble, says about its own prediction.

Every score is a confidence: higher means keep the prediction. All are computed in float64, because
softmax pushes confident samples so close together that float32 makes ties where there are none.

Source: Xia and Bouganis, ICCV 2023, section 2; `energy` is Liu et al., NeurIPS 2020.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wee.errors import WeeError, unknown

Score = Callable[["Outputs"], Tensor]
"""A score maps the outputs of m members on n samples to n confidences."""


class Outputs:
    """What m members put out for n samples, with whatever several scores share computed once.

    Args:
        logits: m tensors [n, classes], any floating dtype; read as float64.

    Example:
        >>> outputs = Outputs([torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])])
        >>> [round(float(p), 4) for p in outputs.probs[0]]
        [0.5, 0.5]
    """

    def __init__(self, logits: Sequence[Tensor]) -> None:
        self.members = [Member(z) for z in logits]
        self.shorter: Outputs | None = None

    @classmethod
    def of(cls, members: Sequence[Member], shorter: Outputs | None = None) -> Outputs:
        """Outputs of members whose softmax may already be known.

        Args:
            members: whose.
            shorter: the outputs of all but the last of them, whose sums are gone on with; None for adding up anew.
        """
        outputs = cls([])
        outputs.members, outputs.shorter = list(members), shorter
        return outputs

    @cached_property
    def probs(self) -> Tensor:
        """The mean of the members' softmax outputs, [n, classes]: what the ensemble predicts."""
        return self._total if len(self.members) == 1 else self._total / len(self.members)

    @cached_property
    def _total(self) -> Tensor:
        """The sum of the members' softmax outputs, in their order."""
        if len(self.members) == 1:
            return self.members[0].probs
        shorter = self.shorter or Outputs.of(self.members[:-1])
        return shorter._total + self.members[-1].probs

    @cached_property
    def peak(self) -> Tensor:
        """The largest mean probability [n]."""
        return self.probs.amax(1)

    @cached_property
    def label(self) -> NDArray[np.int64]:
        """The most probable class [n], the first of equals."""
        if self.probs.device.type == "cpu":
            first: NDArray[np.int64] = self.probs.numpy().argmax(1)  # numpy promises the first, torch does not
            return first
        index = torch.arange(self.probs.shape[1], device=self.probs.device)
        found: NDArray[np.int64] = (
            torch.where(self.probs == self.peak[:, None], index, len(index)).amin(1).cpu().numpy()
        )
        return found

    @cached_property
    def sum_of_squares(self) -> Tensor:
        """Of the mean probabilities [n]."""
        return self.probs.square().sum(1)

    def log_prob(self, labels: Tensor) -> Tensor:
        """Log of the mean probability of the labels [n], in [-inf, 0]; finite where `probs` underflows."""
        each = torch.stack([m.logits.gather(1, labels[:, None])[:, 0] - m.logsumexp for m in self.members])
        log_prob: Tensor = each.logsumexp(0) - math.log(len(self.members))
        return log_prob


class Member:
    """One network's logits [n, classes] in float64, its softmax and its logsumexp."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.to(torch.float64)

    @cached_property
    def largest(self) -> Tensor:
        """The largest logit [n]."""
        return self.logits.amax(1)

    @cached_property
    def _exponentials(self) -> tuple[Tensor, Tensor]:
        """exp(z - max z) [n, classes], and its sum [n]: what softmax and logsumexp share."""
        each = self.logits - self.largest[:, None]
        if each.device.type == "cpu":
            np.exp(each.numpy(), out=each.numpy())  # twice as fast as torch's
        else:
            each.exp_()
        return each, each.sum(1)

    @cached_property
    def logsumexp(self) -> Tensor:
        """[n]."""
        return self.largest + self._exponentials[1].log()

    @cached_property
    def probs(self) -> Tensor:
        """Softmax outputs [n, classes]."""
        each, total = self._exponentials
        return each.div_(total[:, None])  # in place: nothing else reads the exponentials

    @cached_property
    def peak(self) -> Tensor:
        """The largest probability [n]."""
        return self.probs.amax(1)

    @cached_property
    def entropy(self) -> Tensor:
        """Its negative [n]."""
        return _sum_p_log_p(self.probs)


def msp(outputs: Outputs) -> Tensor:
    """Maximum softmax probability of the mean prediction, in (0, 1]."""
    return outputs.peak


def entropy(outputs: Outputs) -> Tensor:
    """Negative entropy of the mean prediction, sum p log p, in [-log classes, 0]; p = 0 contributes 0."""
    return _sum_p_log_p(outputs.probs)


def margin(outputs: Outputs) -> Tensor:
    """The largest minus the second largest probability of the mean prediction, in [0, 1]."""
    top = outputs.probs.topk(2, dim=1).values
    return top[:, 0] - top[:, 1]


def gini(outputs: Outputs) -> Tensor:
    """Sum of the squared probabilities of the mean prediction, in [1/classes, 1] (Granese et al., NeurIPS 2021: Doctor)."""
    return outputs.sum_of_squares


def mean_msp(outputs: Outputs) -> Tensor:
    """Mean of the members' own maximum softmax probabilities, in (0, 1]."""
    return _mean([member.peak for member in outputs.members])


def mean_entropy(outputs: Outputs) -> Tensor:
    """Mean of the members' own negative entropies, in [-log classes, 0]."""
    return _mean([member.entropy for member in outputs.members])


def max_logit(outputs: Outputs) -> Tensor:
    """Mean of the members' largest logits."""
    return _mean([member.largest for member in outputs.members])


def energy(outputs: Outputs) -> Tensor:
    """Mean of the members' logsumexp: the negative free energy of Liu et al., at temperature 1."""
    return _mean([member.logsumexp for member in outputs.members])


def expected_entropy(outputs: Outputs) -> Tensor:
    """The members' mean negative entropy, in [-log classes, 0]: aleatoric uncertainty, for ensembles of two or more."""
    return mean_entropy(outputs)


def mutual_information(outputs: Outputs) -> Tensor:
    """Minus the members' disagreement: expected entropy minus entropy of the mean, in [-log classes, 0].

    Epistemic uncertainty, for ensembles of two or more; one network always has 0 (Houlsby et al., 2011: BALD).
    """
    return (entropy(outputs) - mean_entropy(outputs)).clamp_(max=0)


def _sum_p_log_p(probs: Tensor) -> Tensor:
    total: Tensor = torch.special.xlogy(probs, probs).sum(1)
    return total


def _mean(values: Sequence[Tensor]) -> Tensor:
    """The mean, in the order given; one value is its own mean, and is not copied."""
    if len(values) == 1:
        return values[0]
    total = values[0] + values[1]
    for value in values[2:]:
        total += value
    mean: Tensor = total.div_(len(values))
    return mean


SCORES: Mapping[str, Score] = {
    "msp": msp,
    "entropy": entropy,
    "max_logit": max_logit,
    "energy": energy,
    "margin": margin,
    "gini": gini,
    "mean_msp": mean_msp,
    "mean_entropy": mean_entropy,
    "expected_entropy": expected_entropy,
    "mutual_information": mutual_information,
}
"""The scores by name. `msp`, `entropy`, `max_logit` and `energy` are the paper's four."""

ENSEMBLE_SCORES = ("expected_entropy", "mutual_information")
"""Scores that say something about two or more members only: they rank ensembles, and decide no exit."""


def get_score(name: str) -> Score:
    """The score of that name: one of `SCORES`, or a user's own function, named as "module:function".

    Raises:
        WeeError: there is none; the message lists those that exist.
    """
    if name in SCORES:
        return SCORES[name]
    module, colon, function = name.partition(":")
    if not colon:
        raise unknown("score", name, SCORES, "A function of your own is named as module:function.")
    try:
        found: Score = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise WeeError(f"there is no score '{name}': {error}") from None
    return found
