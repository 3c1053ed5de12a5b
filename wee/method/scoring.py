"""From logits to what the rest of the method needs: the one step that reads logits, and removes the class dimension.

Logits are read once, in chunks, whatever the number of sets of members and scores: memory is bounded by a chunk of every
member for each thread, and not by the data. A chunk is scored by one thread, and its size does not depend on the machine:
neither do results depend on the number of threads.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.machine import processors, torch_threads
from wee.method.prefixes import NO_LABEL, Prefix
from wee.method.scores import Member, Outputs, Score, get_score

CHUNK_VALUES = 2**20
"""Logits of one member that a thread scores at a time (8 MiB in float64): enough to keep threads out of each other's way."""

ACCELERATOR_CHUNK_VALUES = 2**24
"""The same on an accelerator, which needs much work at a time."""


def summarise(
    logits: Sequence[NDArray[np.floating]],
    labels: NDArray[np.integer],
    sets: Collection[tuple[int, ...]],
    scores: Collection[str] = ("msp",),
    temperatures: Sequence[float] | None = None,
    rounding: str | None = None,
    threads: int | None = None,
    device: str = "cpu",
    done: Callable[[int], None] = lambda samples: None,
) -> dict[tuple[int, ...], Prefix]:
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
        A `Prefix` for every set.

    Raises:
        WeeError: the shapes do not fit together, or a label or score does not exist.
    """
    count, classes = _check(logits, labels)
    functions = {name: get_score(name) for name in scores}
    found = {members: _empty(count, scores) for members in sets}
    needed = sorted({member for members in found for member in members})
    size = max(1, (CHUNK_VALUES if device == "cpu" else ACCELERATOR_CHUNK_VALUES) // classes)

    def run(start: int) -> int:
        rows = slice(start, min(start + size, count))
        read = {
            m: Member(_load(logits[m][rows], rounding, temperatures[m] if temperatures else 1.0, device))
            for m in needed
        }
        truth = torch.from_numpy(np.array(labels[rows], dtype=np.int64)).to(device)
        begun: dict[tuple[int, ...], Outputs] = {}  # longer sets go on with the sums of shorter ones
        for members in sorted(found):
            begun = {shorter: outputs for shorter, outputs in begun.items() if members[: len(shorter)] == shorter}
            begun[members] = Outputs.of([read[m] for m in members], begun.get(members[:-1]))
            _fill(found[members], rows, begun[members], functions, truth)
        return rows.stop - start

    workers = 1 if device != "cpu" else threads or processors()
    # Torch's own threads would get in the way of these, each of which has a chunk of its own.
    with torch_threads(1), ThreadPoolExecutor(workers) as pool:
        for k, samples in enumerate(pool.map(run, range(0, count, size))):
            done(samples)
            if k % 16 == 0:
                _forget(logits)
    _forget(logits)
    return found


def _load(logits: NDArray[np.floating], rounding: str | None, temperature: float, device: str) -> torch.Tensor:
    z = as_stored(logits, rounding).to(device)
    return z if temperature == 1 else z.div_(temperature)


def as_stored(logits: NDArray[np.floating], rounding: str | None) -> torch.Tensor:
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


def _empty(count: int, scores: Collection[str]) -> Prefix:
    return Prefix(
        scores={name: np.empty(count) for name in scores},
        confidence=np.empty(count),
        label=np.empty(count, dtype=np.int64),
        correct=np.zeros(count, dtype=np.bool_),
        top5=np.zeros(count, dtype=np.bool_),
        log_prob=np.full(count, np.nan),
        brier=np.full(count, np.nan),
    )


def _fill(prefix: Prefix, rows: slice, outputs: Outputs, functions: Mapping[str, Score], truth: torch.Tensor) -> None:
    """What a set of members says about one chunk."""
    for name, score in functions.items():
        prefix.scores[name][rows] = score(outputs).cpu().numpy()
    prefix.confidence[rows] = outputs.peak.cpu().numpy()
    prefix.label[rows] = outputs.label
    known = truth != NO_LABEL
    if not known.any():
        return
    truth = truth.clamp(min=0)
    there = known.cpu().numpy()
    true_prob = outputs.probs.gather(1, truth[:, None])
    prefix.correct[rows] = (prefix.label[rows] == truth.cpu().numpy()) & there
    prefix.top5[rows] = _among_five(outputs.probs, true_prob, truth).cpu().numpy() & there
    prefix.log_prob[rows] = np.where(there, outputs.log_prob(truth).cpu().numpy(), np.nan)
    brier = outputs.sum_of_squares - 2 * true_prob[:, 0] + 1
    prefix.brier[rows] = np.where(there, brier.cpu().numpy(), np.nan)


def _among_five(probs: torch.Tensor, true_prob: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Whether the true class is among the five most probable; equal probabilities are in the order of the classes."""
    among = (probs >= true_prob).sum(1) <= 5
    unsure = torch.nonzero(~among)[:, 0]  # it is not, or is as probable as others
    probs, true_prob, truth = probs[unsure], true_prob[unsure], truth[unsure]
    earlier = torch.arange(probs.shape[1], device=probs.device) < truth[:, None]
    among[unsure] = ((probs > true_prob) | ((probs == true_prob) & earlier)).sum(1) < 5
    return among
