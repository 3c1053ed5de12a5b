"""`wee families`: show what each network of each family costs."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING, OmegaConf

from wee.app.command import FOLDERS, Command
from wee.app.console import progress, show
from wee.app.failures import Failures, report
from wee.app.fields import Checked, choice, written
from wee.app.groups import Group
from wee.app.paths import Common
from wee.app.typed import to_object
from wee.commands import find_command, modules
from wee.costs import COSTS, measured
from wee.costs.config import CostsConfig
from wee.data.config import LabelledConfig
from wee.data.kinds import config_of
from wee.data.roles import labelled
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.units import si


@dataclass
class FamiliesConfig(Common):
    """The config of `wee families`.

    Attributes:
        family: The family to show; null for all.
        cost: The costs to show, each in a column.
        dataset: The data set whose numbers of classes and channels the networks are built for. Its images are not needed.
            null for 1000 classes and 3 channels, as in ImageNet.
        classes: The number of outputs of a network. It overrides that of the data set; null for the data set's.
        channels: The number of channels of an image. It overrides that of the data set; null for the data set's.
    """

    family: FamilyConfig | None = None
    cost: CostsConfig = MISSING
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
    """The resolved inputs of `wee families`.

    Attributes:
        families: The families to show.
        classes: The number of outputs of a network.
        channels: The number of channels of an image.
        title: The title of the table, which says what the networks are built for.
    """

    families: list[FamilyConfig]
    classes: int
    channels: int
    title: str


def resolve(cfg: FamiliesConfig) -> FamiliesJob:
    """Resolve the config with the files on disk: read the configs of families, and count classes if no config gives them.

    Raises:
        WeeError: the number of classes is unknown, or a family's config is wrong.
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
    """Build the network of every scale, measure its costs, and print a table."""
    from rich.table import Table

    from wee.data.base import Transform
    from wee.models.build import build

    job = resolve(cfg)
    table = Table(title=f"{job.title}; inputs in pixels", title_justify="left", header_style="bold")
    networks, failures = [], Failures()
    costs = [COSTS.find(name) for name in cfg.cost.measure]
    for column in ("family", "scale", "model"):
        table.add_column(column, no_wrap=True)
    for column in ("input", *(cost.heading for cost in costs)):
        table.add_column(column, justify="right", no_wrap=True)
    with progress("networks") as bar:
        task = bar.add_task("counting", total=sum(len(family.scales) for family in job.families))
        for family in job.families:
            for name, scale in family.scales.items():
                with failures.of(f"{family.name}/{name}"):
                    network = build(scale, job.classes, job.channels)
                    # Images are not read: neither their normalisation nor their resizing matters.
                    transform = Transform(scale.input_size, (0.0,) * job.channels, (1.0,) * job.channels)
                    values = {cost.name: measured(cost, network, transform, job.channels) for cost in costs}
                    row = {"family": family.name, "scale": name, "model": scale.model, "input": scale.input_size}
                    networks.append(
                        {**row, **{cost: each[0] if len(each) == 1 else each for cost, each in values.items()}}
                    )
                    table.add_row(*map(str, row.values()), *(", ".join(map(si, each)) for each in values.values()))
                bar.advance(task)
            table.add_section()
    show(table)
    report(classes=job.classes, channels=job.channels, networks=networks, failures=failures.messages)
    failures.raise_all()


def _families() -> list[FamilyConfig]:
    """Return all families that have networks, from wee's folder of configs and the user's.

    Raises:
        WeeError: a config is wrong.
    """
    configs = []
    for folder in FOLDERS:
        for file in sorted((folder / "family").glob("*.yaml")):
            plain = OmegaConf.to_container(OmegaConf.load(file))
            if isinstance(plain, dict) and not plain.get("stored"):
                configs.append(to_object(FamilyConfig, plain, f"family ({file})"))
    return configs


COMMAND = Command("families", FamiliesConfig, families, modules(), {"cost": Group(COSTS, choice)}, kinds=config_of)

if __name__ == "__main__":
    # Import COMMAND from the module, because objects that are pickled for other processes must not be in __main__.
    find_command("families").main()
