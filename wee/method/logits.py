"""From logits to what the rest of the method needs: the one step that reads logits, and removes the class dimension.

Logits are read once, in chunks, whatever the number of sets of members and scores: memory is bounded by a chunk of every
member for each thread, and not by the data. A chunk is scored by one thread, and its size does not depend on the machine:
neither do results depend on the number of threads.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wee.errors import WeeError
from wee.machine import processors, torch_threads
from wee.method.scores import DEFAULT_SCORE, SCORES, Score
from wee.method.summaries import NO_LABEL, Summary

CHUNK_VALUES = 2**20
"""Logits of one member that a thread scores at a time (8 MiB in float64): enough to keep threads out of each other's way."""

ACCELERATOR_CHUNK_VALUES = 2**24
"""The same on an accelerator, which needs much work at a time."""


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
        self.members = [MemberOutputs(z) for z in logits]
        self.shorter: Outputs | None = None

    @classmethod
    def of(cls, members: Sequence[MemberOutputs], shorter: Outputs | None = None) -> Outputs:
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
    def predicted(self) -> Tensor:
        """The most probable class [n], int64, the first of equals; on the device of the outputs."""
        if self.probs.device.type == "cpu":
            return torch.from_numpy(self.probs.numpy().argmax(1))  # numpy promises the first, torch does not
        index = torch.arange(self.probs.shape[1], device=self.probs.device)
        return torch.where(self.probs == self.peak[:, None], index, len(index)).amin(1)

    @property
    def label(self) -> NDArray[np.int64]:
        """The most probable class [n], the first of equals."""
        labels: NDArray[np.int64] = self.predicted.cpu().numpy()
        return labels

    @cached_property
    def entropy(self) -> Tensor:
        """The negative entropy of the mean prediction [n]."""
        return _sum_p_log_p(self.probs)

    @cached_property
    def sum_of_squares(self) -> Tensor:
        """Of the mean probabilities [n]."""
        return self.probs.square().sum(1)

    def take(self, samples: Tensor) -> Outputs:
        """The outputs for some of the samples, given by their places in 0 .. n - 1; sums are gone on with."""
        outputs = Outputs.of([member.take(samples) for member in self.members])
        if len(self.members) > 1 and "_total" in vars(self):
            outputs._total = self._total.index_select(0, samples)
        return outputs

    def log_prob(self, labels: Tensor) -> Tensor:
        """Log of the mean probability of the labels [n], in [-inf, 0]; finite where `probs` underflows."""
        each = torch.stack([m.logits.gather(1, labels[:, None])[:, 0] - m.logsumexp for m in self.members])
        log_prob: Tensor = each.logsumexp(0) - math.log(len(self.members))
        return log_prob


class MemberOutputs:
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

    def take(self, samples: Tensor) -> MemberOutputs:
        """The outputs for some of the samples, given by their places in 0 .. n - 1; what is known is not computed again."""
        outputs = MemberOutputs(self.logits.index_select(0, samples))
        for name in ("largest", "logsumexp", "probs", "peak", "entropy"):
            if name in vars(self):
                setattr(outputs, name, vars(self)[name].index_select(0, samples))
        return outputs


def _sum_p_log_p(probs: Tensor) -> Tensor:
    total: Tensor = torch.special.xlogy(probs, probs).sum(1)
    return total


def summarise(
    logits: Sequence[NDArray[np.floating]],
    labels: NDArray[np.integer],
    sets: Collection[tuple[int, ...]],
    scores: Collection[str] = (DEFAULT_SCORE,),
    temperatures: Sequence[float] | None = None,
    rounding: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    done: Callable[[int], None] = lambda samples: None,
) -> dict[tuple[int, ...], Summary]:
    """Score sets of members in one pass over their logits, in chunks.

    Args:
        logits: one array [N, classes] per member; may be memory-mapped.
        labels: true classes [N], `NO_LABEL` for a sample that has none.
        sets: the sets of members wanted, as tuples of indices into `logits`.
        scores: names of the scores wanted.
        temperatures: what to divide each member's logits by; None for nothing.
        rounding: score logits as if they had been stored so: "float16" or "bfloat16"; None for as they are.
        threads: that score chunks side by side; None for as many as there are processors. Results do not depend on it.
        device: where chunks are scored, as torch names it. An accelerator's last bits may differ from a processor's.
        done: called with the number of samples of every chunk that is finished.

    Returns:
        A `Summary` for every set.

    Raises:
        WeeError: the shapes do not fit together, or a label or score does not exist.
    """
    count, classes = _check(logits, labels)
    functions = {name: SCORES.find(name) for name in scores}
    summaries = {members: _empty(count, scores) for members in sets}
    needed = sorted({member for members in summaries for member in members})
    size = max(1, (CHUNK_VALUES if device == "cpu" else ACCELERATOR_CHUNK_VALUES) // classes)

    def run(start: int) -> int:
        rows = slice(start, min(start + size, count))
        read = {
            m: MemberOutputs(_load(logits[m][rows], rounding, temperatures[m] if temperatures else 1.0, device))
            for m in needed
        }
        truth = torch.from_numpy(np.array(labels[rows], dtype=np.int64)).to(device)
        begun: dict[tuple[int, ...], Outputs] = {}  # longer sets go on with the sums of shorter ones
        for members in sorted(summaries):
            begun = {shorter: outputs for shorter, outputs in begun.items() if members[: len(shorter)] == shorter}
            begun[members] = Outputs.of([read[m] for m in members], begun.get(members[:-1]))
            _fill(summaries[members], rows, begun[members], functions, truth)
        return rows.stop - start

    workers = 1 if device != "cpu" else threads or processors()
    # Each of these threads scores one chunk; threads inside torch would only get in their way.
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        for k, samples in enumerate(pool.map(run, range(0, count, size))):
            done(samples)
            if k % 16 == 0:
                _forget(logits)
    _forget(logits)
    return summaries


def _load(logits: NDArray[np.floating], rounding: str | None, temperature: float, device: str) -> Tensor:
    z = as_stored(logits, rounding).to(device)
    return z if temperature == 1 else z.div_(temperature)


def as_stored(logits: NDArray[np.floating], rounding: str | None) -> Tensor:
    """Logits in float64, rounded as if they had been stored so.

    Raises:
        WeeError: some do not fit.
    """
    if rounding is None:
        return torch.from_numpy(np.array(logits, dtype=np.float64))
    z = torch.from_numpy(np.array(logits)).to(getattr(torch, rounding)).to(torch.float64)
    if not z.isfinite().all():
        raise WeeError(f"some logits are too large for {rounding}; bfloat16 has the range of float32")
    return z


def _forget(logits: Sequence[NDArray[np.floating]]) -> None:
    """Give mapped pages back: they would count as memory until the data had been read to its end."""
    for array in logits:
        mapped = getattr(array, "_mmap", None)
        # Only of a map that nobody can have written to: changes would be lost.
        if isinstance(mapped, mmap.mmap) and getattr(array, "mode", "") == "r" and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def _check(logits: Sequence[NDArray[np.floating]], labels: NDArray[np.integer]) -> tuple[int, int]:
    if not logits:
        raise WeeError("there are no logits to score: give at least one member")
    shapes = {tuple(z.shape) for z in logits}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise WeeError(f"the members' logits must all be [samples, classes], and alike; they are {sorted(shapes)}")
    count, classes = next(iter(shapes))
    if labels.shape != (count,):
        raise WeeError(f"there are {count} samples but labels of shape {labels.shape}; one label a sample is needed")
    if count and (labels.min() < NO_LABEL or labels.max() >= classes):
        raise WeeError(
            f"labels run from {labels.min()} to {labels.max()}, but the logits have {classes} classes: "
            f"a label lies in 0..{classes - 1}, or is {NO_LABEL} for a sample of no class"
        )
    return count, classes


def _empty(count: int, scores: Collection[str]) -> Summary:
    return Summary(
        scores={name: np.empty(count) for name in scores},
        confidence=np.empty(count),
        label=np.empty(count, dtype=np.int64),
        correct=np.zeros(count, dtype=np.bool_),
        top5=np.zeros(count, dtype=np.bool_),
        log_prob=np.full(count, np.nan),
        brier=np.full(count, np.nan),
    )


def _fill(summary: Summary, rows: slice, outputs: Outputs, functions: Mapping[str, Score], truth: Tensor) -> None:
    """What a set of members says about one chunk."""
    for name, score in functions.items():
        summary.scores[name][rows] = score(outputs).cpu().numpy()
    summary.confidence[rows] = outputs.peak.cpu().numpy()
    summary.label[rows] = outputs.label
    known = truth != NO_LABEL
    if not known.any():
        return
    truth = truth.clamp(min=0)
    there = known.cpu().numpy()
    true_prob = outputs.probs.gather(1, truth[:, None])
    summary.correct[rows] = (summary.label[rows] == truth.cpu().numpy()) & there
    summary.top5[rows] = _among_five(outputs.probs, true_prob, truth).cpu().numpy() & there
    summary.log_prob[rows] = np.where(there, outputs.log_prob(truth).cpu().numpy(), np.nan)
    brier = outputs.sum_of_squares - 2 * true_prob[:, 0] + 1
    summary.brier[rows] = np.where(there, brier.cpu().numpy(), np.nan)


def _among_five(probs: Tensor, true_prob: Tensor, truth: Tensor) -> Tensor:
    """Whether the true class is among the five most probable; equal probabilities are in the order of the classes."""
    among = (probs >= true_prob).sum(1) <= 5
    unsure = torch.nonzero(~among)[:, 0]  # it is not, or is as probable as others
    probs, true_prob, truth = probs[unsure], true_prob[unsure], truth[unsure]
    earlier = torch.arange(probs.shape[1], device=probs.device) < truth[:, None]
    among[unsure] = ((probs > true_prob) | ((probs == true_prob) & earlier)).sum(1) < 5
    return among
