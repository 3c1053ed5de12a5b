"""`wee families`: the MACs and parameters of the families' networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wee.app.command import FOLDERS, Command
from wee.app.console import progress, show
from wee.app.failures import Failures, report
from wee.app.paths import Common
from wee.app.typed import to_object
from wee.commands import find_command, modules
from wee.data.config import LabelledConfig, labelled
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.units import si


@dataclass
class FamiliesConfig(Common):
    """What `wee families` can be told.

    Attributes:
        family: which; null for all.
        dataset: the data set whose classes and channels the networks get, as its config gives them; its images are not
            needed. null for 1000 classes and 3 channels, as of ImageNet.
        classes: outputs of a network; null for the data set's, and a number goes before it.
        channels: of an image; null for the data set's, and a number goes before it.
    """

    family: Any = None
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
    """Build every scale, count, and print a table."""
    from rich.table import Table

    from wee.models.build import build, count_exit_macs, count_parameters

    chosen = _families(cfg)
    classes, channels = _outputs_and_channels(cfg)
    title = f"networks with {classes:,} outputs for images of {channels} channel{'s' * (channels > 1)}"
    if cfg.dataset is not None and not cfg.classes and not cfg.channels:
        title += f" ({cfg.dataset.name})"
    shown = Table(title=f"{title}; inputs in pixels", title_justify="left", header_style="bold")
    networks, failures = [], Failures()
    for column in ("family", "scale", "model", "input", "MACs", "parameters"):
        shown.add_column(column, justify="right" if column in ("input", "MACs", "parameters") else "left", no_wrap=True)
    with progress("networks") as bar:
        task = bar.add_task("counting", total=sum(len(family.scales) for family in chosen))
        for family in chosen:
            for name, scale in family.scales.items():
                with failures.of(f"{family.name}/{name}"):
                    network = build(scale, classes, channels)
                    macs = count_exit_macs(network, scale.input_size, channels)
                    row = {"family": family.name, "scale": name, "model": scale.model, "input": scale.input_size}
                    networks.append({**row, "macs": macs, "parameters": count_parameters(network)})
                    each = ", ".join(si(one) for one in macs) if isinstance(macs, list) else si(macs)
                    shown.add_row(*map(str, row.values()), each, si(networks[-1]["parameters"]))
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


COMMAND = Command("families", FamiliesConfig, families, modules())

if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("families").main()
