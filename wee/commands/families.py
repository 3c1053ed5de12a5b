"""`wee families`: the MACs and parameters of the families' networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from wee.app.command import FOLDERS, Command
from wee.app.console import progress, show
from wee.app.failures import Failures, report
from wee.app.fields import Checked, written
from wee.app.paths import Common
from wee.app.typed import to_object
from wee.commands import find_command, modules
from wee.data.config import LabelledConfig
from wee.data.roles import labelled
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.units import si


@dataclass
class FamiliesConfig(Common):
    """What `wee families` can be told.

    Attributes:
        family: The family to show; null for all.
        dataset: The data set for whose classes and channels the networks are built, as its config gives them. Its images are
            not needed. null for 1000 classes and 3 channels, as of ImageNet.
        classes: The number of outputs of a network. It overrides that of the data set; null for the data set's.
        channels: The number of channels of an image. It overrides that of the data set; null for the data set's.
    """

    family: FamilyConfig | None = None
    dataset: Checked[LabelledConfig | None] = written(None)
    classes: int | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        for name in ("classes", "channels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WeeError(f"{name} is {value}: it must be 1 or more")
        self.dataset = None if self.dataset is None else labelled(self.dataset)


@dataclass(frozen=True)
class FamiliesJob:
    """What `wee families` works on.

    Attributes:
        families: The families to show.
        classes: The number of outputs of a network.
        channels: The number of channels of an image.
        title: What the networks are built for.
    """

    families: list[FamilyConfig]
    classes: int
    channels: int
    title: str


def resolve(cfg: FamiliesConfig) -> FamiliesJob:
    """Look at the disk: read the configs of all families, and count classes if no config says how many there are.

    Raises:
        WeeError: nothing tells how many classes there are, or a family's config is wrong.
    """
    dataset = None if cfg.dataset is None else cfg.dataset.resolve() if cfg.classes is None else cfg.dataset
    classes = cfg.classes or (1000 if dataset is None else dataset.classes)
    channels = cfg.channels or (3 if dataset is None else dataset.channels)
    if dataset is not None and not classes:
        raise WeeError(
            f"data set {dataset.name} does not say how many classes it has, and there are no class folders to count; "
            "give classes=NUMBER"
        )
    title = f"networks with {classes:,} outputs for images of {channels} channel{'s' * (channels > 1)}"
    if dataset is not None and cfg.classes is None and cfg.channels is None:
        title += f" ({dataset.name})"
    return FamiliesJob(_families() if cfg.family is None else [cfg.family], classes, channels, title)


def families(cfg: FamiliesConfig) -> None:
    """Build every scale, count, and print a table."""
    from rich.table import Table

    from wee.models.build import build, count_exit_macs, count_parameters

    job = resolve(cfg)
    shown = Table(title=f"{job.title}; inputs in pixels", title_justify="left", header_style="bold")
    networks, failures = [], Failures()
    for column in ("family", "scale", "model", "input", "MACs", "parameters"):
        shown.add_column(column, justify="right" if column in ("input", "MACs", "parameters") else "left", no_wrap=True)
    with progress("networks") as bar:
        task = bar.add_task("counting", total=sum(len(family.scales) for family in job.families))
        for family in job.families:
            for name, scale in family.scales.items():
                with failures.of(f"{family.name}/{name}"):
                    network = build(scale, job.classes, job.channels)
                    macs = count_exit_macs(network, scale.input_size, job.channels)
                    row: dict[str, Any] = {"family": family.name, "scale": name, "model": scale.model}
                    row |= {"input": scale.input_size}
                    parameters = count_parameters(network)
                    networks.append({**row, "macs": macs, "parameters": parameters})
                    written_macs = ", ".join(map(si, macs)) if isinstance(macs, list) else si(macs)
                    shown.add_row(*map(str, row.values()), written_macs, si(parameters))
                bar.advance(task)
            shown.add_section()
    show(shown)
    report(classes=job.classes, channels=job.channels, networks=networks, failures=failures.messages)
    failures.tell()


def _families() -> list[FamilyConfig]:
    """Every family that has networks, from wee's folder of configs and the user's.

    Raises:
        WeeError: a config is wrong.
    """
    found = []
    for folder in FOLDERS:
        for file in sorted((folder / "family").glob("*.yaml")):
            plain = OmegaConf.to_container(OmegaConf.load(file))
            if isinstance(plain, dict) and not plain.get("stored"):
                found.append(to_object(FamilyConfig, plain, f"family ({file})"))
    return found


COMMAND = Command("families", FamiliesConfig, families, modules())

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("families").main()
