"""Lightning's loggers, which record training curves in one run for each member."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wee.errors import WeeError, unknown

Options = dict[str, Any]

KINDS: dict[str, tuple[str, tuple[str, ...], Callable[[Path, str], Options]]] = {
    "csv": ("CSVLogger", (), lambda folder, name: {"save_dir": folder.parent, "name": folder.name, "version": ""}),
    "tensorboard": (
        "TensorBoardLogger",
        ("tensorboard", "tensorboardX"),
        lambda folder, name: {"save_dir": folder.parent, "name": folder.name, "version": ""},
    ),
    "wandb": ("WandbLogger", ("wandb",), lambda folder, name: {"save_dir": folder, "name": name}),
    "mlflow": ("MLFlowLogger", ("mlflow", "mlflow_skinny"), lambda folder, name: {"run_name": name}),
}
"""For each kind: Lightning's class, the packages of which it needs one, and a function from a member's folder and name to
options."""


def check(config: Mapping[str, Any]) -> None:
    """Check that loggers can be created.

    Args:
        config: the options of each kind of logger, as Lightning's class takes them.

    Raises:
        WeeError: there is no such kind, or its package is not installed.
    """
    for kind in config:
        if kind not in KINDS:
            raise unknown("logger", kind, KINDS)
        packages = KINDS[kind][1]
        if packages and not any(importlib.util.find_spec(package) for package in packages):
            raise WeeError(f"logger={kind} needs the package {packages[0]}: pip install {packages[0]}")


def close() -> None:
    """Close loggers that would otherwise record the next member in the same run."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].finish()


def loggers(config: Mapping[str, Any], folder: Path, name: str) -> list[Any]:
    """Create the loggers of one member's training.

    Args:
        config: the options of each kind of logger, as Lightning's class takes them; they override the defaults of `KINDS`.
        folder: the folder of the member's log files.
        name: the name of the member.

    Raises:
        WeeError: a logger does not know an option.
    """
    from lightning.pytorch import loggers as lightning_loggers

    created = []
    for kind, options in config.items():
        cls, _, defaults = KINDS[kind]
        try:
            created.append(getattr(lightning_loggers, cls)(**{**defaults(folder, name), **(options or {})}))
        except TypeError as error:
            raise WeeError(f"logger.{kind}: {error}; its options are those of Lightning's {cls}") from None
    return created
