"""`wee predict`: classify images with a calibrated cascade."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import MISSING
from rich.table import Table

from wee.app.command import Command
from wee.app.console import progress, show
from wee.app.failures import report
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.costs import COSTS
from wee.errors import WeeError
from wee.units import si

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wee.cascade.description import CascadeDescription
    from wee.cascade.predict import PredictedImage
    from wee.data.images.listing import Listing

log = logging.getLogger("wee")


@dataclass
class PredictConfig(Common):
    """The config of `wee predict`.

    Attributes:
        cascade: The folder of the cascade, made by `wee calibrate`.
        images: A folder of images or of class folders, a file list, or a folder of tar shards.
        output: The CSV file to write.
        batch_size: The number of images that run through the first stage together.
        device: "auto" for a CUDA device if there is one, otherwise the CPU; or a device as torch names it.
        overwrite: Whether to replace an existing table.
    """

    cascade: str = MISSING
    images: str = MISSING
    output: str = MISSING
    batch_size: int = 64
    device: str = "auto"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise WeeError(f"batch_size is {self.batch_size}: it is a number of images, 1 or more")
        if Path(self.output).exists() and not self.overwrite:
            raise WeeError(f"{self.output} exists: give another output=FILE, or replace it with overwrite=true")


def predict(cfg: PredictConfig) -> None:
    """Classify the images, write the table, and print what was accepted."""
    import torch

    from wee.cascade.module import Cascade, RunOptions
    from wee.cascade.predict import Predictor, true_labels
    from wee.cascade.predict import predict as classify
    from wee.data.images.listing import list_images

    device = cfg.device if cfg.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    cascade = Cascade.load(cfg.cascade, RunOptions(device))  # a wrong folder fails before images are listed
    listing = list_images(Path(cfg.images))
    predictor = Predictor(cascade, listing)
    description = predictor.description
    labels = true_labels(listing, description.classes)
    with progress("images") as bar:
        task = bar.add_task("predicting", total=len(listing.names), unit="images")
        rows, unreadable = classify(
            predictor, listing, Path(cfg.output), cfg.batch_size, lambda number: bar.advance(task, number)
        )
    for name, reason in unreadable.reasons.items():
        log.warning(f"skipped: {name}: {reason}")
    if not rows:
        raise WeeError(f"none of the {len(listing.names):,} images in {cfg.images} can be read")
    show(_summary(rows, description, None if labels is None else _correct(rows, listing, labels.tolist())))
    log.info(f"{cfg.output}: {len(rows):,} predictions; {len(unreadable.reasons):,} images could not be read")
    report(predictions=len(rows), unreadable=len(unreadable.reasons), accepted=sum(row.accepted for row in rows))


def _correct(rows: Sequence[PredictedImage], listing: Listing, labels: Sequence[int]) -> list[bool]:
    """Whether each prediction is correct."""
    label_of = dict(zip(listing.names, labels, strict=True))
    return [row.label == label_of[row.file] for row in rows]


def _summary(rows: Sequence[PredictedImage], description: CascadeDescription, correct: Sequence[bool] | None) -> Table:
    """What was accepted, at which cost, and, with labels, how good it was, beside what was expected on the test set."""
    expected = description.expected["test"]
    count, accepted = len(rows), [row.accepted for row in rows]
    shown = Table(title=f"{count:,} images; {description.task} on {description.dataset}", title_justify="left")
    for column in ("", "here", "expected (test)"):
        shown.add_column(column, justify="left" if not column else "right")
    shown.add_row("accepted", f"{sum(accepted) / count:.2%}", f"{expected.coverage.value:.2%}")
    if correct is not None:
        errors = sum(keep and not right for keep, right in zip(accepted, correct, strict=True))
        risk = errors / sum(accepted) if any(accepted) else 0.0
        shown.add_row("risk of what is accepted", f"{risk:.2%}", f"{expected.risk.value:.2%}")
        shown.add_row("accuracy of all predictions", f"{sum(correct) / count:.2%}", f"{expected.accuracy.value:.2%}")
    for stage in range(2, len(description.stages) + 1):
        share = sum(row.stage >= stage for row in rows) / count
        shown.add_row(f"reaches stage {stage}", f"{share:.2%}", f"{expected.reaching[stage - 1].value:.2%}")
    name = str(description.chosen["cost"])
    totals = description.cost_of_leaving(name)
    average = sum(totals[row.stage - 1] for row in rows) / count
    shown.add_row(f"average {COSTS.find(name).label}", si(average), si(expected.cost.value))
    for guarantee in description.certified.guarantees if description.certified is not None else []:
        if guarantee.holds:
            limit = f"{100 * guarantee.limit:.5g} %" if guarantee.samples is not None else si(guarantee.limit)
            shown.add_row(f"guaranteed {guarantee.name}", "", f"at most {limit}")
    return shown


COMMAND = Command("predict", PredictConfig, predict, modules())


if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("predict").main()
