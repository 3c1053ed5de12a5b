"""`wee figure`: draw a figure from the tables of one or several sweeps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from wee.app.command import Command, job_suffix
from wee.app.failures import report
from wee.app.fields import Checked, as_list, check_name, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.errors import WeeError
from wee.figures.config import FigureConfig
from wee.method.metrics import metric_help

log = logging.getLogger("wee")


@dataclass
class FigureCommandConfig(Common):
    """The config of `wee figure`.

    Attributes:
        figure: The figure to draw.
        sweeps: The sweeps whose tables are drawn: "newest", or a name, folder, file or pattern, or a list of these.
        name: The name of the files; by default, the name of the figure.
    """

    figure: FigureConfig = MISSING
    sweeps: Checked[str | list[str]] = written("newest")
    name: str = MISSING

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if not as_list(self.sweeps):
            raise WeeError("sweeps is empty: name a sweep, or give newest")


def figure(cfg: FigureCommandConfig) -> None:
    """Draw a figure, and write its numbers to a CSV file in the same folder."""
    import matplotlib

    matplotlib.use("Agg")
    from wee.figures.draw import write
    from wee.figures.kinds import FIGURE_KINDS
    from wee.figures.labels import Labels
    from wee.figures.left_out import left_out
    from wee.figures.tables import read_tables_of
    from wee.sweep.results import find_sweeps, read_labels

    name = cfg.name + job_suffix()
    root = Path(cfg.paths.sweeps)
    sweeps = find_sweeps(root, [str(sweep) for sweep in as_list(cfg.sweeps)])
    log.info(f"from {', '.join(map(str, sweeps))}")
    kind = FIGURE_KINDS.find(cfg.figure.kind)
    tables = read_tables_of(kind, cfg.figure, sweeps, root)
    numbers = kind.points(tables, cfg.figure)
    drawn = kind.draw(numbers, cfg.figure, Labels.merge(map(read_labels, sweeps)))
    folder = Path(cfg.paths.figures)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{extension}" for extension in cfg.figure.formats]
    for file in files:
        write(drawn, file)
    numbers_file = folder / f"{name}.csv"
    numbers.to_csv(numbers_file, index=False)
    log.info(f"drawn: {', '.join(map(str, files))}; its numbers: {numbers_file}")
    for sentence in left_out(tables, numbers, cfg.figure):
        log.info(sentence)
    report(files=[str(file) for file in [*files, numbers_file]], sweeps=[str(sweep) for sweep in sweeps])


COMMAND = Command("figure", FigureCommandConfig, figure, modules(), values={"figure.panels": metric_help()})

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("figure").main()
