"""How figures look: fit for print at column width, and safe for the colour-blind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.colors import to_rgb

from wee.sweep.config import BASELINE

INK = "#222222"
GRID = "#e4e4e4"

RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "wee",
    "figure.constrained_layout.use": True,
}
"""Parameters of matplotlib, while a figure is drawn and while it is written."""


SMALL = 5.5
"""Size of notes and captions, in points."""


@dataclass(frozen=True)
class Look:
    """How one policy is drawn.

    Colours are those of Okabe and Ito (2008), and every policy has a marker and a dash of its own, so that figures can be
    read without colour.

    Attributes:
        label: What the policy is called in a legend.
        colour: Of its line and markers.
        marker: As matplotlib names it.
        dash: The line style.
        order: Lines of a higher order are drawn over others.
    """

    label: str
    colour: str
    marker: str
    dash: Any = "-"
    order: float = 2


LOOKS: Mapping[str, Look] = {
    "single": Look("single models", "#555555", "o"),
    "ensemble": Look("ensembles", "#D55E00", "s", (0, (4, 1.5))),
    "last": Look("last stage alone, all run", "#56B4E9", "X", (0, (5, 1, 1, 1, 1, 1))),
    "window": Look("window cascades", "#0072B2", "^", order=3),
    "adjusted": Look("adjusted windows", "#0072B2", "x", (0, (1, 1)), order=2.5),
    "threshold": Look("single threshold", "#CC79A7", "v", (0, (1, 1))),
    "random": Look("random exit", "#E69F00", "D", (0, (3, 1, 1, 1))),
    BASELINE: Look("single models and ensembles", "#009E73", "P", (0, (5, 1, 1, 1, 1, 1))),
}


def shade_colour(share: float) -> tuple[float, float, float]:
    """The colour of a place in a sequence of lines, from light (0) to dark (1): lightness tells them apart."""
    light, dark = (0.64, 0.82, 0.93), (0.03, 0.19, 0.42)
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(light, dark, strict=True))
    return red, green, blue


def lighter(colour: str | tuple[float, float, float]) -> tuple[float, float, float]:
    """A colour halfway to white, for what stands behind a line of that colour."""
    red, green, blue = ((1 + part) / 2 for part in to_rgb(colour))
    return red, green, blue


_TASKS = {"cov": "Cov", "risk": "Risk", "fpr": "FPR"}
_DEPLOYED = {"deployed_cov": "coverage", "deployed_risk": "risk", "deployed_tpr": "TPR", "deployed_fpr": "FPR"}
_METRICS = {
    "aurc": "AURC", "augrc": "AUGRC", "accuracy": "accuracy (%)", "nll": "NLL", "brier": "Brier score", "ece": "ECE (%)",
    "top1_error": "top-1 error (%)", "top5_error": "top-5 error (%)", "error_auroc": "error AUROC (%)",
    "auroc": "AUROC (%)", "aupr_in": "AUPR, ID (%)", "aupr_out": "AUPR, OOD (%)",
}  # fmt: skip


def metric_label(name: str) -> str:
    """The name of a metric on an axis, with its unit; the metric's own name where it has no other.

    Example:
        >>> metric_label("cov@5")
        'Cov@5 (%)'
        >>> metric_label("deployed_risk@5")
        'deployed risk @5 (%)'
    """
    kind, _, at = name.partition("@")
    if kind in _TASKS:
        return f"{_TASKS[kind]}@{at} (%)"
    if kind in _DEPLOYED:
        return f"deployed {_DEPLOYED[kind]} @{at} (%)"
    return _METRICS.get(name, name)
