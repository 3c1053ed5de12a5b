"""The style of figures: readable in print at column width, with colours that colour-blind readers can distinguish."""

from __future__ import annotations

from typing import Any

from matplotlib.colors import to_rgb

from wee.method.policies import BASELINES, POLICIES, Look, Window
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
"""The matplotlib parameters that are set while a figure is drawn and while it is written."""


SMALL = 5.5
"""Size of notes and captions, in points."""


ADJUSTED = "adjusted"
"""The name of the look of windows, or other rules, that are adjusted to the unlabelled stream."""


def look(name: str) -> Look:
    """Return the style of a line.

    Args:
        name: Name of a policy; "adjusted" for windows moved to an unlabelled stream; or "single+ensemble" for the
            front that both make together.

    Returns:
        The colour, marker, dash pattern and drawing order of the line.

    Raises:
        WeeError: the name is unknown.
    """
    if name == BASELINE:
        return Look("#009E73", "P", (0, (5, 1, 1, 1, 1, 1)))
    if name == ADJUSTED:
        return Window.adjusted_look
    return POLICIES.find(name).look


def label(name: str) -> str:
    """Return the label of a line in a legend, for the same names as `look`."""
    if name == BASELINE:
        return " and ".join(POLICIES[policy].label for policy in BASELINES)
    return Window.adjusted_label if name == ADJUSTED else POLICIES.find(name).label


def shade_colour(share: float) -> tuple[float, float, float]:
    """Return the colour of a line in a sequence, whose lightness falls from 0 (light) to 1 (dark)."""
    light, dark = (0.64, 0.82, 0.93), (0.03, 0.19, 0.42)
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(light, dark, strict=True))
    return red, green, blue


def lighter(colour: str | tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a colour halfway to white, for what is drawn behind a line of that colour."""
    red, green, blue = ((1 + part) / 2 for part in to_rgb(colour))
    return red, green, blue
