"""Paths: the config fields that every command has, and the folder of configs. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class PathsConfig:
    """Folders that commands read and write; relative paths start at the current directory.

    Attributes:
        outputs: the folder of everything that runs write.
        data: the folder of image data sets.
        checkpoints: the folder of weights, where `wee train` leaves them.
        store: the folder of the logit store, where `wee evaluate` and `wee import` leave logits.
        sweeps: the folder of the tables of `wee sweep`.
        latency: the folder of the tables of times of `wee latency`.
        figures: the folder of what `wee figure` draws.
    """

    outputs: str = "outputs"
    data: str = "data"
    checkpoints: str = "${paths.outputs}/checkpoints"
    store: str = "${paths.outputs}/store"
    sweeps: str = "${paths.outputs}/sweeps"
    latency: str = "${paths.outputs}/latency"
    figures: str = "${paths.outputs}/figures"


@dataclass
class Common:
    """Fields that the config of every command has.

    Attributes:
        paths: the folders to read and write.
    """

    paths: PathsConfig = field(default_factory=PathsConfig)


def conf_dir() -> Path:
    """Return the folder of Hydra configs: inside the package if wee is installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"
