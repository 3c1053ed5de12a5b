"""`wee data check`: check that a data set exists, and count its images and classes; or write images of it as files."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wee.app.command import Command
from wee.app.console import progress, show
from wee.app.failures import Failures, report
from wee.app.fields import Checked, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.kinds import config_of
from wee.data.roles import labelled, ood_sets, shifted_sets
from wee.data.splits import PARTS, TEST, Part, SplitName
from wee.errors import WeeError, unknown
from wee.units import counted

if TYPE_CHECKING:
    from wee.data.base import Split

log = logging.getLogger("wee")


@dataclass
class DataConfig(Common):
    """The config of `wee data check`.

    Attributes:
        dataset: The ID data.
        ood: OOD sets.
        shift: Labelled test sets from other distributions.
        images: A folder to write the images of a split to, as PNG files in class folders, instead of checking; empty to check.
        split: The split to write: train, val, test, ood-NAME or shift-NAME.
    """

    dataset: Checked[LabelledConfig] = written(None)
    ood: Checked[dict[str, DatasetConfig]] = written({})
    shift: Checked[dict[str, DatasetConfig]] = written({})
    images: str = ""
    split: str = str(TEST)

    def __post_init__(self) -> None:
        name = SplitName.parse(self.split)
        self.dataset = labelled(self.dataset)
        self.ood = ood_sets(self.ood, self.dataset)
        self.shift = shifted_sets(self.shift, self.dataset)
        others = {str(SplitName.ood(one)) for one in self.ood} | {str(SplitName.shifted(one)) for one in self.shift}
        if name.name and self.split not in others:
            raise unknown("split", self.split, [*PARTS, *sorted(others)])
        if self.images and Path(self.images).exists():
            raise WeeError(f"{self.images} exists: give another images=FOLDER, or remove it")


@dataclass(frozen=True)
class Checkable:
    """One split to check.

    Attributes:
        name: The name of the data set.
        dataset: The config of the data set, resolved.
        part: The part of the data set.
        shifted: Whether the split is a shifted test set, with the classes of the ID data.
    """

    name: str
    dataset: DatasetConfig
    part: Part
    shifted: bool = False


@dataclass(frozen=True)
class DataJob:
    """The resolved inputs of `wee data check`.

    Attributes:
        dataset: The ID data, resolved.
        splits: The splits to check.
    """

    dataset: LabelledConfig
    splits: list[Checkable]


def resolve(cfg: DataConfig) -> DataJob:
    """Resolve the config with the files on disk: count classes."""
    dataset = cfg.dataset.resolve()
    splits = [Checkable(dataset.name, dataset, part) for part in PARTS]
    splits += [Checkable(ood.name, ood.resolve(), "test") for ood in cfg.ood.values()]
    splits += [Checkable(name, shifted, "test", shifted=True) for name, shifted in cfg.shift.items()]
    return DataJob(dataset, splits)


def run(cfg: DataConfig) -> None:
    """Check the splits, or write the images of one."""
    if cfg.images:
        write(cfg)
    else:
        check(cfg)


def write(cfg: DataConfig) -> None:
    """Write the images of a split into a folder."""
    from wee.data.images.write import write_images
    from wee.data.samples import read_split, shifted_split

    dataset, name, folder = cfg.dataset.resolve(), SplitName.parse(cfg.split), Path(cfg.images)
    if name.kind == "shift":
        split = shifted_split(cfg.shift[name.name], dataset)
    elif name.kind == "ood":
        split = read_split(cfg.ood[name.name].resolve(), name.part).unlabelled()
    else:
        split = read_split(dataset, name.part)
    with progress("images") as bar:
        task = bar.add_task("writing", total=len(split))
        write_images(split, dataset.class_names(), folder, lambda number: bar.advance(task, number))
    log.info(f"{folder}: {counted(len(split), 'image')} of {dataset.name} {name}")
    report(folder=str(folder), images=len(split))


def check(cfg: DataConfig) -> None:
    """Count the classes and images of every split, and open a few images."""
    from rich.table import Table

    table, counts, failures = Table(header_style="bold"), {}, Failures()
    for column in ("data set", "split", "place", "images", "groups", "classes", "sizes"):
        table.add_column(column, justify="right" if column in ("images", "groups", "classes") else "left")
    job = resolve(cfg)
    for checkable in job.splits:
        title = f"{checkable.name} {checkable.part}"
        with failures.of(title):
            counts[title] = _count(checkable, job.dataset)
            numbers = [f"{counts[title][key]:,}" for key in ("images", "groups", "classes")]
            table.add_row(checkable.name, checkable.part, counts[title]["place"], *numbers, counts[title]["sizes"])
    show(table)
    report(splits=counts, failures=failures.messages)
    failures.raise_all()


def _count(checkable: Checkable, dataset: LabelledConfig) -> dict[str, Any]:
    """Count the images, groups and classes of a split, and open three of its images.

    Raises:
        WeeError: the split is missing, an image cannot be read, or the classes differ from the config.
    """
    import numpy as np

    from wee.data.samples import read_split, shifted_split

    checked = checkable.dataset
    split = shifted_split(checked, dataset) if checkable.shifted else read_split(checked, checkable.part)
    classes = np.unique(split.labels[split.labels >= 0])
    sizes = ", ".join(f"{width}x{height}" for width, height in _sizes(split))
    if isinstance(checked, LabelledConfig) and checked.classes and not checkable.shifted:
        split.check_classes(checked.classes, checked.name)
    groups = len(np.unique(split.groups))
    return {"place": split.place, "images": len(split), "groups": groups, "classes": len(classes), "sizes": sizes}


def _sizes(split: Split) -> list[tuple[int, int]]:
    """Return the distinct (width, height) of the first, the middle and the last image, in pixels.

    Raises:
        WeeError: an image cannot be read.
    """
    images = [split.image(place) for place in (0, len(split) // 2, len(split) - 1)]
    return sorted({image.size for image in images if image is not None})


COMMAND = Command("data", DataConfig, run, modules(), kinds=config_of)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("data").main()
