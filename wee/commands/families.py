"""`wee families`: what the families' networks cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from wee.app.command import FOLDERS, Command
from wee.app.console import progress, show
from wee.app.failures import Failures, report
from wee.app.fields import choice
from wee.app.groups import Group
from wee.app.paths import Common
from wee.app.typed import to_object
from wee.commands import find_command, modules
from wee.costs import COSTS, measured
from wee.costs.config import CostsConfig
from wee.data.config import LabelledConfig, labelled
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.units import si


@dataclass
class FamiliesConfig(Common):
    """What `wee families` can be told.

    Attributes:
        family: which family; null for all.
        cost: which costs are shown, a column each.
        dataset: the data set whose classes and channels the networks get, as its config gives them; its images are not
            needed. null for 1000 classes and 3 channels, as of ImageNet.
        classes: outputs of a network; null for the data set's, and a number goes before it.
        channels: of an image; null for the data set's, and a number goes before it.
    """

    family: Any = None
    cost: CostsConfig = MISSING
    dataset: Any = None
    classes: int | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        for name in ("classes", "channels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"{name} is {value}: it must be 1 or more")
        self.dataset = None if self.dataset is None else labelled(self.dataset)


def families(cfg: FamiliesConfig) -> None:
    """Build every scale, measure what it costs, and print a table."""
    from rich.table import Table

    from wee.data.base import Transform
    from wee.models.build import build

    chosen = _families(cfg)
    classes, channels = _outputs_and_channels(cfg)
    title = f"networks with {classes:,} outputs for images of {channels} channel{'s' * (channels > 1)}"
    if cfg.dataset is not None and not cfg.classes and not cfg.channels:
        title += f" ({cfg.dataset.name})"
    shown = Table(title=f"{title}; inputs in pixels", title_justify="left", header_style="bold")
    networks, failures = [], Failures()
    costs = [COSTS.find(name) for name in cfg.cost.measure]
    for column in ("family", "scale", "model"):
        shown.add_column(column, no_wrap=True)
    for column in ("input", *(cost.heading for cost in costs)):
        shown.add_column(column, justify="right", no_wrap=True)
    with progress("networks") as bar:
        task = bar.add_task("counting", total=sum(len(family.scales) for family in chosen))
        for family in chosen:
            for name, scale in family.scales.items():
                with failures.of(f"{family.name}/{name}"):
                    network = build(scale, classes, channels)
                    # Images are not read: neither their normalisation nor their resizing matters.
                    transform = Transform(scale.input_size, (0.0,) * channels, (1.0,) * channels)
                    values = {cost.name: measured(cost, network, transform, channels) for cost in costs}
                    row = {"family": family.name, "scale": name, "model": scale.model, "input": scale.input_size}
                    networks.append(
                        {**row, **{cost: each[0] if len(each) == 1 else each for cost, each in values.items()}}
                    )
                    shown.add_row(*map(str, row.values()), *(", ".join(map(si, each)) for each in values.values()))
                bar.advance(task)
            shown.add_section()
    show(shown)
    report(classes=classes, channels=channels, networks=networks, failures=failures.messages)
    failures.tell()


def _outputs_and_channels(cfg: FamiliesConfig) -> tuple[int, int]:
    """How many outputs and input channels the networks have.

    Raises:
        WeeError: neither the command nor the data set's config says how many classes there are.
    """
    dataset: LabelledConfig | None = cfg.dataset
    classes = cfg.classes or (1000 if dataset is None else dataset.classes)
    channels = cfg.channels or (3 if dataset is None else dataset.channels)
    if dataset is not None and not classes:
        raise WeeError(
            f"data set {dataset.name} does not say how many classes it has, and there are no class folders to count; "
            "give classes=NUMBER"
        )
    return classes, channels


def _families(cfg: FamiliesConfig) -> list[FamilyConfig]:
    if cfg.family is not None:
        plain = OmegaConf.to_container(cfg.family) if isinstance(cfg.family, DictConfig) else cfg.family
        return [to_object(FamilyConfig, plain, "family")]
    found = []
    for folder in FOLDERS:
        for file in sorted((folder / "family").glob("*.yaml")):
            plain = OmegaConf.to_container(OmegaConf.load(file))
            if isinstance(plain, dict) and not plain.get("stored"):
                found.append(to_object(FamilyConfig, plain, f"family ({file})"))
    return found


COMMAND = Command("families", FamiliesConfig, families, modules(), {"cost": Group(COSTS, choice)})

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("families").main()
