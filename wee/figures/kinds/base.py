"""The interface of a kind of figure. Imports neither torch nor matplotlib."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from wee.figures.config import FigureConfig
    from wee.figures.labels import Labels

TABLE, AVERAGES, STUDY, REFERENCE = "table", "averages", "study", "reference"
"""The tables that a kind of figure can be given: the tidy table of the sweeps, the intervals of its means, the study of the
validation set's size, and, if the config names one, the reference points of hypervolumes."""


class FigureKind(ABC):
    """A kind of figure: which numbers it shows, and how it is drawn.

    Derive a class from this one to add a kind; `figure.kind=module:Name` then draws it.

    Attributes:
        name: What users type. A plug-in is called "module:Name", whatever it sets here.
        label: What pages and messages call it.
        help: One line for `--help`.
        reads: The tables it needs, some of `TABLE`, `AVERAGES`, `STUDY`.
        fields: The fields of `FigureConfig` that not every kind has and this one has; see
            `wee.figures.config.SELECTIVE_FIELDS`.
        lists: The fields of `FigureConfig` ("width", "size") that hold a list for this kind; for others they hold one value.
        extra_policies: Names that `figure.policies` may contain besides the policies of a sweep.
    """

    name: str = ""
    label: str = ""
    help: str = ""
    reads: ClassVar[tuple[str, ...]] = (TABLE, AVERAGES)
    fields: ClassVar[tuple[str, ...]] = ()
    lists: ClassVar[tuple[str, ...]] = ()
    extra_policies: ClassVar[tuple[str, ...]] = ()

    def check(self, config: FigureConfig) -> None:  # noqa: B027
        """Check what only this kind requires of a config; called before anything is read.

        Raises:
            WeeError: the config does not fit this kind of figure.
        """

    @abstractmethod
    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the numbers that the figure shows.

        Args:
            tables: The tables named in `reads`; `REFERENCE` too, where the config names one.
            config: What is drawn.

        Returns:
            One row for each point or bar. They are written beside the figure as a CSV file.

        Raises:
            WeeError: the tables lack something that is to be drawn; the message says what to sweep.
        """

    @abstractmethod
    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw the figure.

        Args:
            points: What `points` returned for the same config.
            config: What is drawn.
            labels: What families, scales, OOD sets and costs are called.
        """
