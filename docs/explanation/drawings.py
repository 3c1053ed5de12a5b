"""Draw the pictures of the pages in this folder: `python docs/explanation/drawings.py`.

The numbers are computed with `wee.method` from two simulated members, so the drawings show what the code does.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray
from scipy.stats import beta

from wee.method import Stages, Task, percentile_rank, summarise

HERE = Path(__file__).parent
TASK = Task.parse("cov@5")
WIDTH = 0.2
SAMPLES, CLASSES = 20_000, 10

ACCEPT, REJECT, WINDOW, INK, FAINT = "#1b7f5c", "#b5473a", "#f0b429", "#22303c", "#9aa5b1"


def style() -> None:
    """Set the fonts and lines of all drawings."""
    matplotlib.rcParams |= {
        "svg.hashsalt": "wee",
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.constrained_layout.use": True,
    }


def members() -> Stages:
    """Return two simulated members on one set of samples: alike, but with noise of their own."""
    rng = np.random.default_rng(0)
    labels = rng.integers(CLASSES, size=SAMPLES)
    difficulty = rng.beta(1.2, 2.2, size=(SAMPLES, 1))
    common = 1.6 * rng.normal(size=(SAMPLES, CLASSES)) + 7.0 * (1 - difficulty) * np.eye(CLASSES)[labels]
    logits = [common + 0.6 * rng.normal(size=common.shape) for _ in range(2)]
    summaries = summarise(logits, labels, sets=[(0,), (0, 1)])
    return Stages([summaries[0,], summaries[0, 1]], cost=[1.0, 2.0], ids=np.arange(SAMPLES).astype("S"))


def confidences_and_threshold(stages: Stages) -> tuple[NDArray[np.float64], float]:
    """Return the first member's confidences, and the operating threshold."""
    confidences = np.asarray(stages.summaries[0].scores["msp"])
    tau = TASK.tau(stages.summaries[0], "msp", "strict")
    return confidences, tau


def draw_window(stages: Stages) -> Figure:
    """Draw the confidences of the first member, the threshold, and the window around it."""
    confidences, tau = confidences_and_threshold(stages)
    ranks = np.searchsorted(np.sort(confidences), confidences) / SAMPLES
    correct = np.asarray(stages.summaries[0].correct)
    q = percentile_rank(np.sort(confidences), tau)
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 4.4), height_ratios=[2, 1], sharex=True)
    bins = np.linspace(0, 1, 51)
    wrong, _ = np.histogram(ranks[~correct], bins)
    right, _ = np.histogram(ranks[correct], bins)
    share = wrong / np.maximum(wrong + right, 1)
    top.axvspan(q - WIDTH / 2, q + WIDTH / 2, color=WINDOW, alpha=0.35, lw=0)
    top.bar(bins[:-1], 100 * share, width=0.02, align="edge", color=REJECT, alpha=0.75, lw=0)
    top.axvline(q, color=INK, lw=1.5)
    top.set(ylabel="wrong predictions\nof the first member (%)", ylim=(0, 100), xlim=(0, 1))
    top.text(q, 97, "  τ", va="top", fontsize=12, fontweight="bold")
    top.text(q - WIDTH / 2 - 0.015, 88, "rejected either way:\nleaves", ha="right", va="center", color=REJECT)
    top.text(q + WIDTH / 2 + 0.015, 88, "accepted either way:\nleaves", ha="left", va="center", color=ACCEPT)
    bottom.axis("off")
    bottom.set_ylim(-1.1, 1)
    bottom.plot([0, 1], [0, 0], color=INK, lw=1)
    for x, text in ((0, "least confident"), (1, "most confident")):
        bottom.plot([x, x], [-0.08, 0.08], color=INK, lw=1)
        bottom.text(x, -0.2, text, ha="left" if x == 0 else "right", va="top")
    bottom.plot([q - WIDTH / 2, q + WIDTH / 2], [0, 0], color=WINDOW, lw=9, solid_capstyle="butt")
    bottom.plot([q, q], [-0.22, 0.22], color=INK, lw=1.5)
    bottom.annotate(
        "", (q - WIDTH / 2, 0.5), (q + WIDTH / 2, 0.5), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 1}
    )
    bottom.text(q, 0.6, "window: width w = 0.2,\na fifth of the samples, goes on", ha="center", va="bottom")
    bottom.text(q, -0.45, f"percentile rank of τ: {q:.2f}", ha="center", va="top")
    return figure


def draw_second_opinion(stages: Stages) -> Figure:
    """Draw how often the second member changes the decision, over the rank of the first member's confidence."""
    first, both = stages.summaries
    confidences, tau = confidences_and_threshold(stages)
    q = percentile_rank(np.sort(confidences), tau)
    final = np.asarray(both.scores["msp"])
    acceptance = TASK.tau(both, "msp", "strict")
    changed = (confidences >= acceptance) != (final >= acceptance)
    relabelled = np.asarray(first.label) != np.asarray(both.label)
    ranks = np.searchsorted(np.sort(confidences), confidences) / SAMPLES
    bins = np.linspace(0, 1, 41)
    centres = (bins[:-1] + bins[1:]) / 2
    figure, axis = plt.subplots(figsize=(6.4, 2.9))
    axis.axvspan(q - WIDTH / 2, q + WIDTH / 2, color=WINDOW, alpha=0.35, lw=0, label="window, w = 0.2")
    for values, colour, style_, label in (
        (changed, INK, "-", "accepted instead of rejected, or the reverse"),
        (relabelled, FAINT, "--", "another predicted class"),
    ):
        counts = np.histogram(ranks[values], bins)[0] / np.histogram(ranks, bins)[0]
        axis.plot(centres, 100 * counts, color=colour, ls=style_, lw=1.8, label=label)
    axis.axvline(q, color=INK, lw=1, ls=":")
    axis.set(
        xlabel="percentile rank of the first member's confidence",
        ylabel="changed by the\nsecond member (%)",
        xlim=(0, 1),
    )
    axis.set_ylim(0, 60)
    axis.legend(frameon=False, loc="upper right")
    return figure


def _box(axis: Axes, x: float, y: float, text: str, colour: str = INK, width: float = 1.5, fill: str = "white") -> None:
    axis.add_patch(
        FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, boxstyle="round,pad=0.05", fc=fill, ec=colour, lw=1.4)
    )
    axis.text(x, y, text, ha="center", va="center", color=colour)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    axis.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, lw=1.3, shrinkA=0, shrinkB=0)
    )


def draw_cascade() -> Figure:
    """Draw the way of a sample through a cascade of two members."""
    figure, axis = plt.subplots(figsize=(6.8, 2.5))
    axis.set(xlim=(-0.2, 10.2), ylim=(-0.1, 3.3))
    axis.axis("off")
    _box(axis, 0.6, 1.6, "image", width=1.1)
    _box(axis, 2.6, 1.6, "member 1")
    _box(axis, 5.0, 1.6, "confidence in\nthe window?", width=1.9, fill="#fbe8bf")
    _box(axis, 5.0, 0.35, "member 2", width=1.5)
    _box(axis, 7.4, 0.35, "average", width=1.3)
    _box(axis, 9.4, 2.45, "accept", ACCEPT, width=1.2)
    _box(axis, 9.4, 0.75, "reject", REJECT, width=1.2)
    _box(axis, 7.4, 1.6, "confidence\nat least t?", width=1.5)
    _arrow(axis, (1.22, 1.6), (1.76, 1.6))
    _arrow(axis, (3.42, 1.6), (3.98, 1.6))
    _arrow(axis, (6.02, 1.6), (6.58, 1.6))
    _arrow(axis, (5.0, 1.23), (5.0, 0.72))
    _arrow(axis, (5.82, 0.35), (6.68, 0.35))
    _arrow(axis, (7.4, 0.72), (7.4, 1.23))
    _arrow(axis, (8.22, 1.8), (8.72, 2.35), ACCEPT)
    _arrow(axis, (8.22, 1.4), (8.72, 0.9), REJECT)
    axis.text(6.3, 1.72, "no", ha="center", va="bottom")
    axis.text(5.1, 0.98, "yes", ha="left", va="center")
    axis.text(2.6, 2.15, "every image pays $c_1$", ha="center", va="bottom", color=FAINT)
    axis.text(4.1, 0.35, "a share f of them\npays $c_2$ too", ha="right", va="center", color=FAINT)
    return figure


def draw_clamped(stages: Stages) -> Figure:
    """Draw three windows of one width: in the middle, clamped, and for everything."""
    confidences, _ = confidences_and_threshold(stages)
    first = stages.summaries[0]
    rows = []
    for name in ("risk@50", "risk@80", "risk@95"):
        tau = Task.parse(name).tau(first, "msp", "strict")
        rows.append((name, percentile_rank(np.sort(confidences), tau)))
    figure, axis = plt.subplots(figsize=(6.4, 2.1))
    for y, (name, q) in enumerate(reversed(rows)):
        low, high = max(q - WIDTH / 2, 0), min(q + WIDTH / 2, 1)
        axis.plot([0, 1], [y, y], color=FAINT, lw=1, zorder=1)
        axis.plot([low, high], [y, y], color=WINDOW, lw=11, solid_capstyle="butt", zorder=2)
        axis.plot([q, q], [y - 0.3, y + 0.3], color=INK, lw=1.5, zorder=3)
        note = (
            f"clamped at the lowest score: {high - low:.2f} wide, a single threshold"
            if low == 0
            else f"{high - low:.2f} wide"
        )
        axis.text(high + 0.015, y + 0.12, note, va="bottom", fontsize=8)
        axis.text(-0.015, y, name, ha="right", va="center")
    axis.set(xlim=(0, 1), ylim=(-0.6, 2.7), xlabel="percentile rank of the first member's confidence", yticks=[])
    axis.spines["left"].set_visible(False)
    return figure


def draw_certification(stages: Stages) -> Figure:
    """Draw how a threshold is certified: bounds of the risk over candidate thresholds, tested one after the other."""
    both = stages.summaries[1]
    scores, correct = np.asarray(both.scores["msp"]), np.asarray(both.correct)
    rng = np.random.default_rng(0)
    chosen = rng.choice(SAMPLES, size=1500, replace=False)
    risk, delta = 0.05, 0.1
    order = np.argsort(-scores[chosen])
    wrong = np.cumsum(~correct[chosen][order])
    accepted = np.arange(1, len(chosen) + 1)
    bound = beta.ppf(1 - delta, wrong + 1, np.maximum(accepted - wrong, 1e-9))
    true_order = np.argsort(-scores)
    true_risk = np.cumsum(~correct[true_order]) / np.arange(1, SAMPLES + 1)
    start = 150
    passed = bound <= risk
    first_failure = next(i for i in range(start, len(bound)) if not passed[i])
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    coverage = 100 * accepted / len(chosen)
    axis.plot(
        coverage[20:], 100 * wrong[20:] / accepted[20:], color=INK, lw=1.4, label="risk on the certification samples"
    )
    axis.plot(coverage[20:], 100 * bound[20:], color=REJECT, lw=1.8, label="upper bound of the risk, 90 % confidence")
    axis.plot(
        100 * np.arange(400, SAMPLES) / SAMPLES,
        100 * true_risk[400:],
        color=FAINT,
        lw=1.4,
        ls="--",
        label="risk on the distribution",
    )
    axis.axhline(100 * risk, color=INK, lw=1, ls=":")
    axis.text(1, 100 * risk + 0.15, "r = 5 %", va="bottom")
    x = coverage[first_failure - 1]
    axis.axvspan(coverage[start], x, color=ACCEPT, alpha=0.15, lw=0)
    axis.axvline(x, color=ACCEPT, lw=1.5)
    axis.text(x + 0.8, 0.35, "certified threshold", color=ACCEPT, va="bottom")
    axis.annotate(
        "tests go on to laxer thresholds",
        (x, 9.2),
        (coverage[start], 9.2),
        va="center",
        ha="left",
        color=ACCEPT,
        arrowprops={"arrowstyle": "->", "color": ACCEPT},
    )
    axis.set(xlabel="coverage (%)", ylabel="risk (%)", xlim=(0, 100), ylim=(0, 10))
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.02, 0.9))
    return figure


def draw_paired() -> Figure:
    """Draw why paired differences tell more than two intervals: two systems on the same resamples."""
    rng = np.random.default_rng(1)
    shared = rng.normal(82, 1.2, size=2000)
    ours, theirs = shared + 0.9 + rng.normal(0, 0.25, 2000), shared + rng.normal(0, 0.25, 2000)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.3), width_ratios=[1.6, 1])
    for y, (values, name) in enumerate(((theirs, "baseline"), (ours, "cascade"))):
        low, high = np.quantile(values, [0.025, 0.975])
        left.plot([low, high], [y, y], color=INK, lw=2)
        left.plot(values.mean(), y, "o", color=INK)
        left.text(79.0, y, name, va="center", ha="right")
    left.set(
        title="each by itself: the intervals overlap", xlabel="Cov@5 (%)", yticks=[], ylim=(-0.7, 1.7), xlim=(79.2, 86)
    )
    left.spines["left"].set_visible(False)
    difference = ours - theirs
    low, high = np.quantile(difference, [0.025, 0.975])
    right.plot([low, high], [0, 0], color=ACCEPT, lw=2)
    right.plot(difference.mean(), 0, "o", color=ACCEPT)
    right.axvline(0, color=INK, lw=1, ls=":")
    right.set(title="on the same resamples", xlabel="difference (points)", yticks=[], ylim=(-1, 1), xlim=(-0.5, 2))
    right.spines["left"].set_visible(False)
    for axis in (left, right):
        axis.title.set_fontsize(9)
    return figure


def main(folder: Path = HERE) -> None:
    """Write every drawing into a folder, as PNG."""
    style()
    stages = members()
    drawings = {
        "window": draw_window(stages),
        "second_opinion": draw_second_opinion(stages),
        "cascade": draw_cascade(),
        "clamped": draw_clamped(stages),
        "certification": draw_certification(stages),
        "paired": draw_paired(),
    }
    for name, figure in drawings.items():
        figure.savefig(folder / f"{name}.png", dpi=160, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
