"""How figures look: fit to print at column width, safe for the colour-blind, told apart without colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    "figure.constrained_layout.use": True,
}
"""Matplotlib's parameters."""


@dataclass(frozen=True)
class Look:
    """Of one policy: colours are Okabe and Ito's (2008), and every policy has a marker and a dash of its own."""

    label: str
    colour: str
    marker: str
    dash: Any = "-"
    order: float = 2


LOOKS: Mapping[str, Look] = {
    "single": Look("single models", "#555555", "o"),
    "ensemble": Look("ensembles", "#D55E00", "s", (0, (4, 1.5))),
    "last": Look("last stage alone, all run", "#009E73", "P", (0, (5, 1, 1, 1, 1, 1))),
    "window": Look("window cascades", "#0072B2", "^", order=3),
    "adjusted": Look("adjusted windows", "#0072B2", "x", (0, (1, 1)), order=2.5),
    "threshold": Look("single threshold", "#CC79A7", "v", (0, (1, 1))),
    "random": Look("random exit", "#E69F00", "D", (0, (3, 1, 1, 1))),
}


def shade_colour(share: float) -> tuple[float, float, float]:
    """The colour of a place in a sequence of lines, from light to dark; told apart without colour by lightness."""
    light, dark = (0.64, 0.82, 0.93), (0.03, 0.19, 0.42)
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(light, dark, strict=True))
    return red, green, blue


def metric_label(name: str) -> str:
    """A metric as it stands on an axis, with its unit."""
    kind, _, at = name.partition("@")
    if at:
        return f"{ {'cov': 'Cov', 'risk': 'Risk', 'fpr': 'FPR'}[kind] }@{at} (%)"
    words = {
        "aurc": "AURC", "augrc": "AUGRC", "accuracy": "accuracy (%)", "nll": "NLL", "brier": "Brier score", "ece": "ECE (%)",
        "top1_error": "top-1 error (%)", "top5_error": "top-5 error (%)", "error_auroc": "error AUROC (%)",
        "auroc": "AUROC (%)", "aupr_in": "AUPR, ID (%)", "aupr_out": "AUPR, OOD (%)",
    }  # fmt: skip
    return words.get(name, name)
