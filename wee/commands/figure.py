"""`wee figure`: draw a figure from the tables of one or several sweeps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.command import Command, job_suffix
from wee.app.failures import report
from wee.app.fields import as_list, check_name
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.method.metrics import metric_help

if TYPE_CHECKING:
    pass

log = logging.getLogger("wee")


@dataclass
class FigureStageConfig(Common):
    """The config of `wee figure`.

    Attributes:
        figure: What to draw.
        sweeps: Whose tables to draw: "newest", or names of sweeps, folders, files or patterns of them, one or a list.
        name: Name of the files; the figure's own name where it is not set.
    """

    figure: FigureConfig = MISSING
    sweeps: Any = "newest"
    name: str = MISSING

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if not as_list(self.sweeps):
            raise WeeError("sweeps is empty: name a sweep, or give newest")


def figure(cfg: FigureStageConfig) -> None:
    """Draw a figure, and write its numbers beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from wee.figures.draw import draw, write
    from wee.figures.labels import Labels
    from wee.figures.points import one_cost, points
    from wee.figures.validation import draw_validation, validation_points
    from wee.sweep.fronts import read_reference
    from wee.sweep.results import find_sweeps, read_averages, read_labels, read_tables, read_validation

    name = cfg.name + job_suffix()
    root = Path(cfg.paths.sweeps)
    sweeps = find_sweeps(root, [str(sweep) for sweep in as_list(cfg.sweeps)])
    log.info(f"from {', '.join(map(str, sweeps))}")
    labels = Labels.merge(map(read_labels, sweeps))
    if cfg.figure.kind == "validation":
        numbers = validation_points(read_validation(sweeps), cfg.figure)
        drawn = draw_validation(numbers, cfg.figure, labels)
    else:
        table, reference = read_tables(sweeps), None
        if cfg.figure.reference is not None:
            reference = read_reference(cfg.figure.reference, root, one_cost(table))
        numbers = points(table, cfg.figure, read_averages(sweeps), reference)
        drawn = draw(numbers, cfg.figure, labels)
    folder = Path(cfg.paths.figures)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{extension}" for extension in cfg.figure.formats]
    for file in files:
        write(drawn, file)
    listed = folder / f"{name}.csv"
    numbers.to_csv(listed, index=False)
    log.info(f"drawn: {', '.join(map(str, files))}; its numbers: {listed}")
    report(files=[str(file) for file in [*files, listed]], sweeps=[str(sweep) for sweep in sweeps])


COMMAND = Command("figure", FigureStageConfig, figure, modules(), values={"figure.panels": metric_help()})

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("figure").main()
