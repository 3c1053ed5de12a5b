"""`wee families`: what the networks of the families cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from wee.config.common import Common
from wee.config.console import progress, show
from wee.config.failures import Failures, report
from wee.config.runner import FOLDERS, Stage, stage
from wee.config.typed import to_object
from wee.errors import WeeError
from wee.models.config import FamilyConfig
from wee.units import si


@dataclass
class FamiliesConfig(Common):
    """What `wee families` can be told.

    Attributes:
        family: which; null for all.
        classes: outputs of a network.
        channels: of an image.
    """

    family: Any = None
    classes: int = 1000
    channels: int = 3

    def __post_init__(self) -> None:
        if self.classes < 1 or self.channels < 1:
            raise WeeError(f"classes is {self.classes} and channels {self.channels}: both are 1 or more")


def families(cfg: FamiliesConfig) -> None:
    """Build every scale, count, and print a table."""
    from rich.table import Table

    from wee.models.build import build, count_exit_macs, count_parameters

    chosen = _families(cfg)
    shown, found, failures = Table(header_style="bold"), [], Failures()
    for column in ("family", "scale", "model", "input", "MACs", "parameters"):
        shown.add_column(column, justify="right" if column in ("input", "MACs", "parameters") else "left", no_wrap=True)
    with progress("networks") as bar:
        task = bar.add_task("counting", total=sum(len(family.scales) for family in chosen))
        for family in chosen:
            for name, scale in family.scales.items():
                with failures.of(f"{family.name}/{name}"):
                    network = build(scale, cfg.classes, cfg.channels)
                    macs = count_exit_macs(network, scale.input_size, cfg.channels)
                    row = {"family": family.name, "scale": name, "model": scale.model, "input": scale.input_size}
                    found.append({**row, "macs": macs, "parameters": count_parameters(network)})
                    each = ", ".join(si(one) for one in macs) if isinstance(macs, list) else si(macs)
                    shown.add_row(*map(str, row.values()), each, si(found[-1]["parameters"]))
                bar.advance(task)
            shown.add_section()
    show(shown)
    report(networks=found, failures=failures.messages)
    failures.tell()


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


STAGE = Stage("families", FamiliesConfig, families)

if __name__ == "__main__":
    # Not this module's own STAGE: what is pickled for other processes must not live in __main__.
    stage("families").main()
