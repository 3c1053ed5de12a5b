"""`wee data check`: check that a data set is in its place, and count what it contains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wee.app.command import Command
from wee.app.console import show
from wee.app.failures import Failures, report
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.data.config import DatasetConfig, ImagesConfig, LabelledConfig, ShiftedConfig, labelled, ood_sets, shifted_sets


@dataclass
class DataConfig(Common):
    """The config of `wee data check`.

    Attributes:
        dataset: the ID data.
        ood: OOD sets.
        shift: labelled test sets from other distributions.
    """

    dataset: Any = None
    ood: dict[str, Any] = field(default_factory=dict)
    shift: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dataset = labelled(self.dataset)
        self.ood = ood_sets(self.ood)
        self.shift = shifted_sets(self.shift, self.dataset)


def check(cfg: DataConfig) -> None:
    """Count the classes and images of every split, and open a few."""
    from rich.table import Table

    shown, splits, failures = Table(header_style="bold"), {}, Failures()
    for column in ("data set", "split", "place", "images", "groups", "classes", "sizes"):
        shown.add_column(column, justify="right" if column in ("images", "groups", "classes") else "left")
    wanted: list[tuple[str, DatasetConfig, str]] = [
        (cfg.dataset.name, cfg.dataset, name) for name in ("train", "val", "test")
    ]
    wanted += [(ood.name, ood, "test") for ood in cfg.ood.values()]
    wanted += [(name, shift, "test") for name, shift in cfg.shift.items()]
    for dataset, config, name in wanted:
        title = f"{dataset} {name}"
        with failures.of(title):
            splits[title] = _split(config, name, cfg.dataset)
            counts = [f"{splits[title][key]:,}" for key in ("images", "groups", "classes")]
            shown.add_row(dataset, name, splits[title]["place"], *counts, splits[title]["sizes"])
    show(shown)
    report(splits=splits, failures=failures.messages)
    failures.tell()


def _split(config: DatasetConfig, name: str, dataset: LabelledConfig) -> dict[str, Any]:
    """Count the images, groups and classes of a split, and open three of its images.

    Raises:
        WeeError: the split is missing, an image cannot be read, or its classes are not those of the config.
    """
    import numpy as np

    from wee.data.shifted import shifted

    is_shifted = isinstance(config, ShiftedConfig)
    split = shifted(config, dataset) if is_shifted else config.split(name)
    classes = np.unique(split.labels[split.labels >= 0])
    place, sizes = "embedded", ""
    if isinstance(config, ImagesConfig):
        from wee.data.images import ImageFiles

        assert isinstance(split, ImageFiles)
        place = str(split.place)
        opened = {split.size(k) for k in (0, len(split) // 2, len(split) - 1)}
        sizes = ", ".join(f"{width}x{height}" for width, height in sorted(opened))
        if config.classes and not is_shifted:
            split.check_classes(config.classes)
    groups = len(np.unique(split.groups))
    return {"place": place, "images": len(split), "groups": groups, "classes": len(classes), "sizes": sizes}


COMMAND = Command("data", DataConfig, check, modules())

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("data").main()
