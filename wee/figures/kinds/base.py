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

TABLE, AVERAGES, STUDY, REFERENCE, TIMES = "table", "averages", "study", "reference", "times"
"""The tables that a kind of figure can get: the tidy table of the sweeps, its averages with their intervals, the study of the
validation set's size, and, if the config names them, the reference points of hypervolumes and a table of times."""


class FigureKind(ABC):
    """A kind of figure: which numbers it shows, and how it is drawn.

    Derive a class from this one to add a kind; `figure.kind=module:Name` then draws it.

    Attributes:
        name: Name of the kind in a config. The name of a plug-in is "module:Name", whatever it sets here.
        label: Name of the kind on pages and in messages.
        help: One line for `--help`.
        reads: The tables that the kind needs, some of `TABLE`, `AVERAGES`, `STUDY`.
        fields: The fields in `wee.figures.config.SELECTIVE_FIELDS` that this kind uses.
        lists: The fields of `FigureConfig` ("width", "size") that hold a list for this kind, and one value for other kinds.
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
        """Check the requirements of this kind on a config. Called before anything is read.

        Raises:
            WeeError: the config does not fit this kind of figure.
        """

    @abstractmethod
    def points(self, tables: Mapping[str, pd.DataFrame], config: FigureConfig) -> pd.DataFrame:
        """Compute the numbers that the figure shows.

        Args:
            tables: The tables named in `reads`, `REFERENCE` if the config names a reference, and `TIMES` if it names
                a table of times.
            config: The config of the figure.

        Returns:
            One row for each point or bar. The rows are written to a CSV file beside the figure.

        Raises:
            WeeError: the tables lack data for the figure; the message says what to sweep.
        """

    @abstractmethod
    def draw(self, points: pd.DataFrame, config: FigureConfig, labels: Labels) -> Figure:
        """Draw the figure.

        Args:
            points: The result of `points` for the same config.
            config: The config of the figure.
            labels: The labels of families, scales, OOD sets and costs.
        """
