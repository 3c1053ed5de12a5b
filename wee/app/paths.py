"""Where things lie: the config that every command shares, and the folder of configs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class PathsConfig:
    """Where things lie; relative paths start at the folder in which the command is given.

    Attributes:
        outputs: everything that runs write.
        data: where image data sets lie.
        checkpoints, store, sweeps, figures: what each command leaves there for the next.
    """

    outputs: str = "outputs"
    data: str = "data"
    checkpoints: str = "${paths.outputs}/checkpoints"
    store: str = "${paths.outputs}/store"
    sweeps: str = "${paths.outputs}/sweeps"
    figures: str = "${paths.outputs}/figures"


@dataclass
class Common:
    """Fields that the config of every command has.

    Attributes:
        paths: where things lie.
    """

    paths: PathsConfig = field(default_factory=PathsConfig)


def conf_dir() -> Path:
    """The folder of Hydra configs: inside the package where wee is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"
