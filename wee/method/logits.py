"""Scoring of logits: the only step that reads logits and their class dimension.

Logits are read once, in chunks, for any number of sets of members and scores. The memory is bounded by a chunk of every
member for each thread, and does not grow with the data. A chunk is scored by one thread, and its size does not depend on
the machine, so that results do not depend on the number of threads.
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

from wee.compat import repair_on_import
from wee.errors import WeeError
from wee.machine import processors, torch_threads
from wee.method.scores import DEFAULT_SCORE, SCORES, Score
from wee.method.summaries import NO_LABEL, Summary

repair_on_import()  # notebooks that score logits import timm as well

CHUNK_VALUES = 2**20
"""Number of logits of one member that a thread scores at a time (8 MiB in float64)."""

ACCELERATOR_CHUNK_VALUES = 2**24
"""Number of logits of one member in a chunk on an accelerator, which needs larger chunks."""


class Outputs:
    """The outputs of m members for n samples. Values that several scores share are computed once.

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
        """Return the outputs of members whose softmax may have been computed already.

        Args:
            members: the outputs of each member.
            shorter: the outputs of all members but the last, whose sums are reused; None to compute the sums.
        """
        outputs = cls([])
        outputs.members, outputs.shorter = list(members), shorter
        return outputs

    @cached_property
    def probs(self) -> Tensor:
        """The mean of the members' softmax outputs, which is the prediction of the ensemble [n, classes]."""
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
        """The sum of the squared mean probabilities [n]."""
        return self.probs.square().sum(1)

    def take(self, samples: Tensor) -> Outputs:
        """The outputs for some of the samples, given by their places in 0 .. n - 1; sums are gone on with."""
        outputs = Outputs.of([member.take(samples) for member in self.members])
        if len(self.members) > 1 and "_total" in vars(self):
            outputs._total = self._total.index_select(0, samples)
        return outputs

    def log_prob(self, labels: Tensor) -> Tensor:
        """Return the log of the mean probability of the labels [n], in [-inf, 0]; it is finite even if `probs` underflows."""
        log_probs = torch.stack([m.logits.gather(1, labels[:, None])[:, 0] - m.logsumexp for m in self.members])
        log_prob: Tensor = log_probs.logsumexp(0) - math.log(len(self.members))
        return log_prob


class MemberOutputs:
    """One network's logits [n, classes] in float64, its softmax and its logsumexp."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits if logits.dtype is torch.float64 else logits.to(torch.float64)

    @cached_property
    def largest(self) -> Tensor:
        """The largest logit [n]."""
        return self.logits.amax(1)

    @cached_property
    def _exponentials(self) -> tuple[Tensor, Tensor]:
        """exp(z - max z) [n, classes] and its sum [n], which softmax and logsumexp share."""
        exponentials = self.logits - self.largest.unsqueeze(1)
        if exponentials.device.type == "cpu":
            array = exponentials.numpy()
            np.exp(array, out=array)  # twice as fast as torch's
        else:
            exponentials.exp_()
        return exponentials, exponentials.sum(1)

    @cached_property
    def logsumexp(self) -> Tensor:
        """The logsumexp of the logits [n]."""
        return self.largest + self._exponentials[1].log()

    @cached_property
    def probs(self) -> Tensor:
        """Softmax outputs [n, classes]."""
        exponentials, total = self._exponentials
        return exponentials.div_(total.unsqueeze(1))  # in place: nothing else reads the exponentials

    @cached_property
    def peak(self) -> Tensor:
        """The largest probability [n]."""
        return self.probs.amax(1)

    @cached_property
    def entropy(self) -> Tensor:
        """The negative entropy of the softmax output [n]."""
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
        labels: true classes [N], `NO_LABEL` for a sample without a class.
        sets: the sets of members to summarise, as tuples of indices into `logits`.
        scores: names of the scores to compute.
        temperatures: the divisor of each member's logits; None for no scaling.
        rounding: score logits as if they had been stored as "float16" or "bfloat16"; None for unchanged logits.
        threads: number of threads, each of which scores one chunk at a time; None for the number of processors. Results do
            not depend on it.
        device: the device on which chunks are scored, as torch names it. On an accelerator the last bits may differ.
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

    def score_chunk(start: int) -> int:
        rows = slice(start, min(start + size, count))
        outputs_of = {
            m: MemberOutputs(_load(logits[m][rows], rounding, temperatures[m] if temperatures else 1.0, device))
            for m in needed
        }
        truth = torch.from_numpy(np.array(labels[rows], dtype=np.int64)).to(device)
        begun: dict[tuple[int, ...], Outputs] = {}  # longer sets reuse the sums of shorter ones
        for members in sorted(summaries):
            begun = {shorter: outputs for shorter, outputs in begun.items() if members[: len(shorter)] == shorter}
            begun[members] = Outputs.of([outputs_of[m] for m in members], begun.get(members[:-1]))
            _fill(summaries[members], rows, begun[members], functions, truth)
        return rows.stop - start

    workers = 1 if device != "cpu" else threads or processors()
    # Each of these threads scores one chunk, so that threads inside torch would only compete with them.
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        for k, samples in enumerate(pool.map(score_chunk, range(0, count, size))):
            done(samples)
            if k % 16 == 0:
                _forget(logits)
    _forget(logits)
    return summaries


def _load(logits: NDArray[np.floating], rounding: str | None, temperature: float, device: str) -> Tensor:
    z = as_stored(logits, rounding).to(device)
    return z if temperature == 1 else z.div_(temperature)


def as_stored(logits: NDArray[np.floating], rounding: str | None) -> Tensor:
    """Return logits in float64, rounded as if they had been stored in the type `rounding`; None for no rounding.

    Raises:
        WeeError: some logits are too large for the type.
    """
    if rounding is None:
        return torch.from_numpy(np.array(logits, dtype=np.float64))
    z = torch.from_numpy(np.array(logits)).to(getattr(torch, rounding)).to(torch.float64)
    if not z.isfinite().all():
        raise WeeError(f"some logits are too large for {rounding}; bfloat16 has the range of float32")
    return z


def _forget(logits: Sequence[NDArray[np.floating]]) -> None:
    """Release pages of memory-mapped logits, which would otherwise stay in memory until all logits have been read."""
    for array in logits:
        mapped = getattr(array, "_mmap", None)
        # Only for read-only maps, because changes would be lost.
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
    """Write the scores and predictions of a set of members on one chunk into a summary."""
    for name, score in functions.items():
        summary.scores[name][rows] = score(outputs).cpu().numpy()
    summary.confidence[rows] = outputs.peak.cpu().numpy()
    summary.label[rows] = outputs.label
    known = truth != NO_LABEL
    if not known.any():
        return
    truth = truth.clamp(min=0)
    has_label = known.cpu().numpy()
    true_prob = outputs.probs.gather(1, truth[:, None])
    summary.correct[rows] = (summary.label[rows] == truth.cpu().numpy()) & has_label
    summary.top5[rows] = _among_five(outputs.probs, true_prob, truth).cpu().numpy() & has_label
    summary.log_prob[rows] = np.where(has_label, outputs.log_prob(truth).cpu().numpy(), np.nan)
    brier = outputs.sum_of_squares - 2 * true_prob[:, 0] + 1
    summary.brier[rows] = np.where(has_label, brier.cpu().numpy(), np.nan)


def _among_five(probs: Tensor, true_prob: Tensor, truth: Tensor) -> Tensor:
    """Return whether the true class is among the five most probable; ties are broken by the order of the classes."""
    among = (probs >= true_prob).sum(1) <= 5
    unsure = torch.nonzero(~among)[:, 0]  # not among the five, or tied with other classes
    probs, true_prob, truth = probs[unsure], true_prob[unsure], truth[unsure]
    earlier = torch.arange(probs.shape[1], device=probs.device) < truth[:, None]
    among[unsure] = ((probs > true_prob) | ((probs == true_prob) & earlier)).sum(1) < 5
    return among
