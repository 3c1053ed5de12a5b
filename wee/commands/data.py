"""`wee data check`: check that a data set is in its place, and count what it contains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wee.app.command import Command
from wee.app.console import show
from wee.app.failures import Failures, report
from wee.app.fields import Checked, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.roles import labelled, ood_sets, shifted_sets
from wee.data.splits import PARTS, Part

if TYPE_CHECKING:
    from wee.data.base import Split


@dataclass
class DataConfig(Common):
    """The config of `wee data check`.

    Attributes:
        dataset: The ID data.
        ood: OOD sets.
        shift: Labelled test sets from other distributions.
    """

    dataset: Checked[LabelledConfig] = written(None)
    ood: Checked[dict[str, DatasetConfig]] = written({})
    shift: Checked[dict[str, DatasetConfig]] = written({})

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        self.ood = ood_sets(self.ood, self.dataset)
        self.shift = shifted_sets(self.shift, self.dataset)


@dataclass(frozen=True)
class Checkable:
    """One split to be checked.

    Attributes:
        name: Of the data set.
        dataset: Its config, resolved.
        part: The part of it.
        shifted: Whether it is a shifted test set, whose labels are those of the ID data.
    """

    name: str
    dataset: DatasetConfig
    part: Part
    shifted: bool = False


@dataclass(frozen=True)
class DataJob:
    """What `wee data check` works on.

    Attributes:
        dataset: The ID data, resolved.
        splits: What to check.
    """

    dataset: LabelledConfig
    splits: list[Checkable]


def resolve(cfg: DataConfig) -> DataJob:
    """Look at the disk: count classes."""
    dataset = cfg.dataset.resolve()
    splits = [Checkable(dataset.name, dataset, part) for part in PARTS]
    splits += [Checkable(ood.name, ood.resolve(), "test") for ood in cfg.ood.values()]
    splits += [Checkable(name, shifted, "test", shifted=True) for name, shifted in cfg.shift.items()]
    return DataJob(dataset, splits)


def check(cfg: DataConfig) -> None:
    """Count the classes and images of every split, and open a few."""
    from rich.table import Table

    shown, counts, failures = Table(header_style="bold"), {}, Failures()
    for column in ("data set", "split", "place", "images", "groups", "classes", "sizes"):
        shown.add_column(column, justify="right" if column in ("images", "groups", "classes") else "left")
    job = resolve(cfg)
    for checkable in job.splits:
        title = f"{checkable.name} {checkable.part}"
        with failures.of(title):
            counts[title] = _count(checkable, job.dataset)
            numbers = [f"{counts[title][key]:,}" for key in ("images", "groups", "classes")]
            shown.add_row(checkable.name, checkable.part, counts[title]["place"], *numbers, counts[title]["sizes"])
    show(shown)
    report(splits=counts, failures=failures.messages)
    failures.tell()


def _count(checkable: Checkable, dataset: LabelledConfig) -> dict[str, Any]:
    """Count the images, groups and classes of a split, and open three of its images.

    Raises:
        WeeError: the split is missing, an image cannot be read, or its classes are not those of the config.
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
    """Width and height of the first, the middle and the last image in pixels, each once.

    Raises:
        WeeError: an image cannot be read.
    """
    images = [split.image(place) for place in (0, len(split) // 2, len(split) - 1)]
    return sorted({image.size for image in images if image is not None})


COMMAND = Command("data", DataConfig, check, modules())

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("data").main()
