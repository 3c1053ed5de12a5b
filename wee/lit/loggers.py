"""Where a training's curves go: Lightning's loggers, one run for each member."""

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
"""By kind: Lightning's class, the packages of which it needs one, and what it is told of a member."""


def check(config: Mapping[str, Any]) -> None:
    """Refuse what cannot log, before any long work.

    Args:
        config: by kind, options as Lightning's class takes them.

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
    """End what goes on after a training: the next member's curves are another run."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].finish()


def loggers(config: Mapping[str, Any], folder: Path, name: str) -> list[Any]:
    """The loggers of one member's training.

    Args:
        config: by kind, options as Lightning's class takes them; they go before what is told here.
        folder: the member's own, for files.
        name: of the member.

    Raises:
        WeeError: a logger does not know an option.
    """
    from lightning.pytorch import loggers as known

    made = []
    for kind, options in config.items():
        cls, _, told = KINDS[kind]
        try:
            made.append(getattr(known, cls)(**{**told(folder, name), **(options or {})}))
        except TypeError as error:
            raise WeeError(f"logger.{kind}: {error}; its options are those of Lightning's {cls}") from None
    return made
