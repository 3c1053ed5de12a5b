"""The plain way: everything recomputed for each setting, vectorised, with torch and numpy, as a competent user writes it.

Nothing is shared between settings, nothing is kept, and nothing of `wee` is used. The numbers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

Arrays = Mapping[str, Sequence[np.ndarray]]


@dataclass(frozen=True)
class Windowed:
    """One setting: a window of a width for a task, on a score; two members in an order."""

    order: tuple[int, int]
    score: str
    task: str
    width: float


SCORES = ("msp", "energy")


def run(setting: Windowed, logits: Arrays, labels: Mapping[str, np.ndarray], cost: Sequence[float]) -> dict[str, float]:
    """Every number of one setting: on validation, on test, and beside each OOD set, with the window adjusted and not.

    Args:
        setting: what is done.
        logits: of each member, by split: "val", "test", and OOD sets.
        labels: by split.
        cost: of each member.
    """
    first, both = {}, {}
    for split in logits:
        z = [torch.from_numpy(np.asarray(logits[split][m])).double() for m in setting.order]
        p = [one.softmax(1) for one in z]
        first[split] = _scores([z[0]], p[0], labels[split])
        both[split] = _scores(z, (p[0] + p[1]) / 2, labels[split])
    tau = _tau(setting.task, first["val"][setting.score], first["val"]["correct"])
    low, high = _window(first["val"][setting.score], tau, setting.width)
    out: dict[str, float] = {}
    accepted: dict[str, float] = {}
    for split in ("val", "test"):
        outcome, macs = _leave(first[split], both[split], setting.score, low, high, cost)
        if split == "val":
            accepted = {score: _acceptance(setting.task, outcome[score], outcome["correct"]) for score in SCORES}
        numbers = _selective(outcome) | _deployed(setting.task, outcome, None, accepted) | {"macs": macs}
        out |= {f"{split} {name}": value for name, value in numbers.items()}
    for ood in (name for name in logits if name.startswith("ood-")):
        stream = np.concatenate([first["test"][setting.score], first[ood][setting.score]])
        sizes = (len(first["test"]["correct"]), len(first[ood]["correct"]))
        for kind, (a, b) in {"plain": (low, high), "adjusted": _moved(stream, sizes, tau, setting.width)}.items():
            ours, macs = _leave(first["test"], both["test"], setting.score, a, b, cost)
            theirs, ood_macs = _leave(first[ood], both[ood], setting.score, a, b, cost)
            numbers = _beside(ours, theirs) | _deployed(setting.task, ours, theirs, accepted)
            numbers |= {"macs": (macs + ood_macs) / 2}
            out |= {f"{ood} {kind} {name}": value for name, value in numbers.items()}
    return out


def _scores(z: Sequence[torch.Tensor], p: torch.Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    msp, label = p.max(1)
    energy = torch.stack([one.logsumexp(1) for one in z]).mean(0)
    return {"msp": msp.numpy(), "energy": energy.numpy(), "correct": label.numpy() == labels}


def _curve(score: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-score, kind="stable")
    wrong = np.cumsum(~correct[order])
    return score[order], np.concatenate([[0.0], wrong / np.arange(1, len(score) + 1)])


def _point(task: str, risk: np.ndarray) -> int:
    kind, at = task.split("@")
    n, r = len(risk) - 1, float(at) / 100
    if kind == "risk":
        return int(np.argmin(np.abs(np.arange(n + 1) / n - r)))
    first = min(500, n // 2)
    return first + int(np.argmin(np.abs(risk[first:] - r)))


def _tau(task: str, score: np.ndarray, correct: np.ndarray) -> float:
    if task.startswith("fpr"):
        ranked, n = np.sort(score)[::-1], len(score)
        return float(ranked[int(np.argmin(np.abs(np.arange(1, n + 1) / n - float(task.split("@")[1]) / 100)))])
    ranked, risk = _curve(score, correct)
    return float(ranked[min(_point(task, risk), len(score) - 1)])


def _window(score: np.ndarray, tau: float, width: float) -> tuple[float, float]:
    below, up_to = (score < tau).sum(), (score <= tau).sum()
    rank = (below + up_to + (up_to > below)) / (2 * len(score))
    low, high = np.quantile(score, np.clip([rank - width / 2, rank + width / 2], 0, 1))
    return float(low), float(high)


def _moved(stream: np.ndarray, sizes: tuple[int, int], tau: float, width: float) -> tuple[float, float]:
    weight = np.repeat([0.5 / sizes[0], 0.5 / sizes[1]], sizes)
    rank = weight[stream < tau].sum() + weight[stream == tau].sum() / 2 + (stream == tau).any() / (2 * len(stream))
    order = np.argsort(stream, kind="stable")
    ordered = weight[order]
    positions = (np.cumsum(ordered) - ordered) / (1 - ordered[-1])
    low, high = np.interp(np.clip([rank - width / 2, rank + width / 2], 0, 1), positions, stream[order])
    return float(low), float(high)


def _leave(
    one: dict[str, np.ndarray], two: dict[str, np.ndarray], score: str, low: float, high: float, cost: Sequence[float]
) -> tuple[dict[str, np.ndarray], float]:
    goes_on = (low <= one[score]) & (one[score] <= high)
    return {key: np.where(goes_on, two[key], one[key]) for key in one}, float(cost[0] + goes_on.mean() * cost[1])


def _selective(found: dict[str, np.ndarray]) -> dict[str, float]:
    numbers = {}
    for score in SCORES:
        _, risk = _curve(found[score], found["correct"])
        n = len(risk) - 1
        for task in ("cov@5", "cov@10", "risk@50", "risk@80"):
            point = _point(task, risk)
            numbers[f"{task} {score}"] = 100 * (point / n if task.startswith("cov") else risk[point])
        numbers[f"aurc {score}"] = float(np.trapezoid(risk, np.arange(n + 1) / n))
    return numbers


def _acceptance(task: str, score: np.ndarray, correct: np.ndarray) -> float:
    """The threshold for a task on the validation set, equal scores accepted together; see `wee.method`."""
    kind, at = task.split("@")
    n, r = len(score), float(at) / 100
    ranked, risk = _curve(score, correct)
    ends = np.append(np.flatnonzero(ranked[:-1] != ranked[1:]) + 1, n)
    if kind == "cov":
        fitting = ends[risk[ends] <= r]
        return float(ranked[fitting[-1] - 1]) if len(fitting) else np.inf
    return float(ranked[ends[np.argmax(ends / n >= r)] - 1])


def _deployed(
    task: str, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray] | None, accepted: Mapping[str, float]
) -> dict[str, float]:
    kind, at = task.split("@")
    numbers = {}
    for score, threshold in accepted.items():
        inside = ours[score] >= threshold
        coverage, wrong = inside.mean(), (inside & ~ours["correct"]).mean()
        false = 0.0 if theirs is None else (theirs[score] >= threshold).mean()
        if kind == "fpr":
            numbers |= {f"deployed_tpr@{at} {score}": 100 * coverage, f"deployed_fpr@{at} {score}": 100 * false}
        else:
            risk = (wrong + false) / (coverage + false) if coverage + false else 0.0
            numbers |= {f"deployed_cov@{at} {score}": 100 * coverage, f"deployed_risk@{at} {score}": 100 * risk}
    return {name: float(value) for name, value in numbers.items()}


def _beside(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    numbers = {}
    for score in SCORES:
        s, t, correct = ours[score], theirs[score], ours["correct"]
        n, m = len(s), len(t)
        mixed = np.concatenate([s, t])
        order = np.argsort(-mixed, kind="stable")
        weight = np.repeat([0.5 / n, 0.5 / m], [n, m])[order]
        wrong = np.concatenate([~correct, np.ones(m, dtype=bool)])[order]
        accepted = np.concatenate([[0.0], np.cumsum(weight)])
        risk = np.concatenate([[0.0], np.cumsum(weight * wrong) / accepted[1:]])
        ranked, _ = _curve(s, correct)
        for task in ("risk@50", "risk@80"):
            k = int(np.argmin(np.abs(np.arange(n + 1) / n - float(task.split("@")[1]) / 100)))
            theta = ranked[min(k, n - 1)]
            numbers[f"{task} {score}"] = 100 * risk[int(np.argmin(np.abs(mixed[order] - theta)))]
        numbers[f"aurc {score}"] = float(np.trapezoid(risk, accepted))
        observed = np.unique(mixed)
        recall = (n - np.searchsorted(np.sort(s), observed)) / n
        for task in ("fpr@80", "fpr@95"):
            threshold = observed[np.argmin(np.abs(recall - float(task.split("@")[1]) / 100))]
            numbers[f"{task} {score}"] = 100 * float((t >= threshold).mean())
        ordered = np.sort(t)
        below, up_to = (np.searchsorted(ordered, s, side).sum() for side in ("left", "right"))
        numbers[f"auroc {score}"] = 100 * float(below + up_to) / (2 * n * m)
    return numbers
