"""The catalogue of figure kinds. Imports neither torch nor matplotlib: these are imported when a figure is drawn.

To add a kind, write a file with a class derived from `FigureKind` and list it here.
"""

from __future__ import annotations

import copy
import inspect
from typing import Any

from wee.catalogue import Catalogue, first_line
from wee.errors import WeeError, unknown
from wee.figures.kinds.base import AVERAGES, REFERENCE, STUDY, TABLE, TIMES, FigureKind
from wee.figures.kinds.curves import Curves
from wee.figures.kinds.hypervolume import Hypervolumes
from wee.figures.kinds.latency import Latencies
from wee.figures.kinds.sizes import Sizes
from wee.figures.kinds.tradeoff import Tradeoff
from wee.figures.kinds.validation import ValidationSizes
from wee.figures.kinds.widths import Widths


def _plugin(name: str, plugin: Any) -> FigureKind:
    """Make a kind of figure from a plug-in: a class derived from `FigureKind`, or an instance of such a class."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    if not issubclass(cls, FigureKind):
        raise WeeError(f"{name} is no kind of figure: derive its class from wee.figures.kinds.FigureKind")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise WeeError(f"the kind of figure {name} has no {missing}; a kind of figure needs points, draw")
    kind: FigureKind = cls() if plugin is cls else copy.copy(plugin)
    for table in kind.reads:
        if table not in (TABLE, AVERAGES, STUDY):
            raise unknown("table", table, (TABLE, AVERAGES, STUDY), f"The kind of figure {name} reads it.")
    kind.name, kind.label = name, kind.label or name.partition(":")[2]
    kind.help = kind.help or first_line(cls)
    return kind


FIGURE_KINDS: Catalogue[FigureKind] = Catalogue(
    "kind of figure",
    [Curves(), Tradeoff(), Widths(), Sizes(), Hypervolumes(), ValidationSizes(), Latencies()],
    _plugin,
)
"""The kinds of figures; the first is the default."""

__all__ = ["AVERAGES", "FIGURE_KINDS", "REFERENCE", "STUDY", "TABLE", "TIMES", "FigureKind"]
