"""From logits to what the rest of the method needs: the step that removes the class dimension.

A stage of a cascade puts out what a set of members says together: the first m members where outputs are
averaged, the exit alone in a multi-exit network. `summarise` reads the logits once and returns, for
every such set, one `Prefix`: a handful of numbers a sample. Everything after this works on those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from wee.errors import WeeError
from wee.method.scores import Member, Outputs, get_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK_VALUES = 2**20
"""Logits of one member scored at a time (8 MiB in float64). Fixed, so that results do not depend on the machine."""

NO_LABEL = -1
"""The label of a sample that belongs to no class: out-of-distribution data."""


@dataclass(frozen=True)
class Prefix:
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


def summarise(
    logits: Sequence[NDArray[np.floating]],
    labels: NDArray[np.integer],
    sets: Collection[tuple[int, ...]],
    scores: Collection[str] = ("msp",),
    temperatures: Sequence[float] | None = None,
) -> dict[tuple[int, ...], Prefix]:
    """Score sets of members in one pass over their logits, in chunks.

    Args:
        logits: one array [N, classes] per member; may be memory-mapped.
        labels: true classes [N], `NO_LABEL` for a sample that has none.
        sets: the sets of members wanted, as tuples of indices into `logits`.
        scores: names of the scores wanted.
        temperatures: what to divide each member's logits by; None for nothing.

    Returns:
        A `Prefix` for every set.

    Raises:
        WeeError: the shapes do not fit together, or a label or score does not exist.
    """
    count, classes = _check(logits, labels)
    functions = {name: get_score(name) for name in scores}
    parts: dict[tuple[int, ...], list[Prefix]] = {members: [] for members in sets}
    needed = sorted({member for members in sets for member in members})
    chunk = max(1, CHUNK_VALUES // classes)
    for start in range(0, max(count, 1), chunk):
        rows = slice(start, start + chunk)
        loaded = {m: Member(_load(logits[m][rows], temperatures[m] if temperatures else 1.0)) for m in needed}
        truth = torch.from_numpy(np.array(labels[rows], dtype=np.int64))
        for members, done in parts.items():
            outputs = Outputs.of([loaded[m] for m in members])
            values = {name: score(outputs).numpy() for name, score in functions.items()}
            done.append(Prefix(values, *_judge(outputs, truth)))
    return {members: _join(done) for members, done in parts.items()}


def _load(logits: NDArray[np.floating], temperature: float) -> torch.Tensor:
    z = torch.from_numpy(np.array(logits, dtype=np.float64))
    return z if temperature == 1 else z.div_(temperature)


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


def _judge(outputs: Outputs, truth: torch.Tensor) -> tuple[Floats, Ints, Bools, Bools, Floats, Floats]:
    """Confidence, label, correct, top5, log_prob and brier of one chunk."""
    probs = outputs.probs
    known = truth != NO_LABEL
    safe = truth.clamp(min=0)
    true_prob = probs.gather(1, safe[:, None])
    # The rank of the true class, equal probabilities in class order: the same on every machine.
    earlier = torch.arange(probs.shape[1]) < safe[:, None]
    rank = ((probs > true_prob) | ((probs == true_prob) & earlier)).sum(1)
    label = probs.numpy().argmax(1)  # numpy promises the first of equals, torch does not
    nan = torch.tensor(float("nan"), dtype=torch.float64)
    log_prob = torch.where(known, outputs.log_prob(safe), nan)
    brier = torch.where(known, probs.square().sum(1) - 2 * true_prob[:, 0] + 1, nan)
    found = ((rank == 0) & known, (rank < 5) & known)
    return probs.amax(1).numpy(), label, found[0].numpy(), found[1].numpy(), log_prob.numpy(), brier.numpy()


def _join(parts: Sequence[Prefix]) -> Prefix:
    if len(parts) == 1:
        return parts[0]
    scores = {name: np.concatenate([part.scores[name] for part in parts]) for name in parts[0].scores}
    fields = ("confidence", "label", "correct", "top5", "log_prob", "brier")
    return Prefix(scores, *(np.concatenate([getattr(part, field) for part in parts]) for field in fields))
