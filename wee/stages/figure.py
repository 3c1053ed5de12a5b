"""`wee figure`: draw figures from the tables of one or many sweeps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from wee.config.common import Common, as_list, check_name
from wee.config.failures import report
from wee.config.runner import Stage, job_suffix, stage
from wee.errors import WeeError
from wee.figures.config import FigureConfig

log = logging.getLogger("wee")


@dataclass
class FigureStageConfig(Common):
    """What `wee figure` can be told.

    Attributes:
        figure: what to draw.
        sweeps: whose tables: "newest", or names of sweeps, folders, files or patterns of them, one or a list.
        name: of the files; the figure's own name where it is not set.
    """

    figure: FigureConfig = MISSING
    sweeps: Any = "newest"
    name: str = MISSING

    def __post_init__(self) -> None:
        check_name("name", self.name)
        if not as_list(self.sweeps):
            raise WeeError("sweeps is empty: name a sweep, or give newest")


def figure(cfg: FigureStageConfig) -> None:
    """Draw, and write what was drawn as numbers beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from wee.figures.draw import draw
    from wee.figures.labels import Labels
    from wee.figures.points import points
    from wee.figures.validation import draw_validation, validation_points
    from wee.sweep.results import find_sweeps, read_labels, read_tables, read_validation

    name = cfg.name + job_suffix()
    found = find_sweeps(Path(cfg.paths.sweeps), [str(one) for one in as_list(cfg.sweeps)])
    log.info(f"from {', '.join(map(str, found))}")
    labels = Labels.merge(map(read_labels, found))
    if cfg.figure.kind == "validation":
        numbers = validation_points(read_validation(found), cfg.figure)
        drawn = draw_validation(numbers, cfg.figure, labels)
    else:
        numbers = points(read_tables(found), cfg.figure)
        drawn = draw(numbers, cfg.figure, labels)
    folder = Path(cfg.paths.figures)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.{one}" for one in cfg.figure.formats]
    for file in files:
        stamp = {"CreationDate": None} if file.suffix == ".pdf" else {"Date": None} if file.suffix == ".svg" else {}
        drawn.savefig(file, dpi=cfg.figure.dpi, metadata=stamp)
    listed = folder / f"{name}.csv"
    numbers.to_csv(listed, index=False)
    log.info(f"drawn: {', '.join(map(str, files))}; its numbers: {listed}")
    report(files=[str(file) for file in [*files, listed]], sweeps=[str(one) for one in found])


STAGE = Stage("figure", FigureStageConfig, figure)

if __name__ == "__main__":
    # Not this module's own STAGE: what is pickled for other processes must not live in __main__.
    stage("figure").main()
