"""Short trainings of a small network in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from wee.data.augment import Augment
from wee.data.base import Split
from wee.data.images.config import ImagesConfig
from wee.lit import fit
from wee.lit.runtime import RuntimeConfig
from wee.members.recipes import Recipe
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig


class Stop(Exception):
    """An interruption."""


def recipe(dataset: ImagesConfig, **changes: object) -> Recipe:
    """Return the recipe of a small network with dropout; changes are fields of the trainer."""
    scale = {"model": "cifar_resnet", "input_size": 16, "kwargs": {"width": 4, "stem": 4, "drop_rate": 0.3}}
    settings = {"epochs": 3, "batch_size": 8, "optimizer": "sgd", "lr": 0.1, "augment": Augment("shift", 2), **changes}
    return Recipe(dataset, FamilyConfig("f", scales={"s": scale}), TrainerConfig("t", **settings), "s", 0)  # type: ignore[arg-type]


def run(made: Recipe, folder: Path, stop_after: int | None = None, **options: Any) -> dict[str, torch.Tensor]:
    """Train a member, up to a number of steps if one is given, and return the saved weights.

    Args:
        made: its recipe.
        folder: the folder in which the member has a folder of its own.
        stop_after: the number of steps after which `Stop` is raised.
        options: fields of the runtime; the state is saved after every step by default.
    """
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        if done == stop_after:
            raise Stop

    splits: list[Split] = [made.dataset.split(name) for name in ("train", "val")]
    runtime = RuntimeConfig(**{"accelerator": "cpu", "keep_every": 0, **options})
    fit.train_member(made, *splits, folder / "member", runtime, [], step)
    return load_file(folder / "member" / "weights.safetensors")
