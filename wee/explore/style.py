"""How the points of a page look. Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Any

from wee.errors import WeeError
from wee.method.policies import POLICIES, Policy

SHAPES = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "D": "diamond",
    "P": "cross",
    "x": "M-.7,-1L0,-.3L.7,-1L1,-.7L.3,0L1,.7L.7,1L0,.3L-.7,1L-1,.7L-.3,0L-1,-.7Z",
    "p": "M0,-1L.95,-.31L.59,.81L-.59,.81L-.95,-.31Z",
    "h": "M0,-1L.87,-.5L.87,.5L0,1L-.87,.5L-.87,-.5Z",
    "*": "M0,-1L.22,-.31L.95,-.31L.36,.12L.59,.81L0,.38L-.59,.81L-.36,.12L-.95,-.31L-.22,-.31Z",
}
"""The shapes of the page, names or paths of Vega, for the markers of `wee.method.policies.Look`."""

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
"""The colours of what is not a policy. The yellow of the palette is left out, because it is too light for points."""

ADJUSTED = "#56B4E9"
"""The colour of adjusted rules that share that of the rules as fitted: shapes may stand for something else on a page."""

DASHES = ((), (10, 4), (2, 3), (10, 3, 2, 3), (5, 2), (14, 3, 2, 3, 2, 3))
"""The dash patterns of lines that colours do not tell apart, in pixels; the first is a solid line."""

RAMP = ("#9ecae9", "#7fb5df", "#609fd0", "#4489c0", "#2f73ab", "#1f5d93", "#13477a", "#08306b")
"""The colours of what has an order, such as scales and widths, from the first to the last."""


def series_label(policy: str, adjusted: bool) -> str:
    """Return the label of the points of a policy: of its rules as fitted, or adjusted to an unlabelled stream."""
    kind = _find(policy)
    if kind is None:
        return policy
    return (kind.adjusted_label or f"{kind.label}, adjusted") if adjusted else kind.label


def look_of(policy: str, adjusted: bool) -> dict[str, Any]:
    """Return how the points of a policy look: their colour and shape, their order, and whether they are a baseline."""
    kind = _find(policy)
    if kind is None:
        return {"colour": "#666666", "shape": SHAPES["o"], "order": 0, "baseline": False}
    look = (kind.adjusted_look or kind.look) if adjusted else kind.look
    shape = SHAPES.get(look.marker, SHAPES["o"])
    colour = ADJUSTED if adjusted and look.colour == kind.look.colour else look.colour
    return {"colour": colour, "shape": shape, "order": look.order, "baseline": kind.baseline}


def _find(policy: str) -> type[Policy] | None:
    """Return a policy; None for a plug-in that is not on the path."""
    try:
        return POLICIES.find(policy)
    except WeeError:
        return None
