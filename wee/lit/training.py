"""Training one member with Lightning, and keeping what came of it."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch

from wee.config.common import RuntimeConfig
from wee.data.base import Split
from wee.lit.loaders import ordered_loader, training_loader
from wee.lit.member import MemberModule
from wee.lit.recipe import Recipe
from wee.models import checkpoint
from wee.models.build import build
from wee.versions import versions


class _Steps(lightning.Callback):
    """Tells somebody after every optimiser step."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.step = step

    def on_train_batch_end(self, *_: Any) -> None:
        self.step()


def train_member(
    recipe: Recipe, train: Split, val: Split, folder: Path, runtime: RuntimeConfig, logs: Path, step: Callable[[], None]
) -> dict[str, Any]:
    """Train a member and keep it.

    Args:
        recipe: what decides its weights.
        train, val: the data; validation is for its metrics alone.
        folder: where the member goes.
        runtime: devices.
        logs: a folder for Lightning's loggers.
        step: called after every optimiser step.

    Returns:
        What was written about the member: its recipe, metrics, time and the fingerprint of its weights.
    """
    config = recipe.trainer
    torch.manual_seed(recipe.seed)
    network = build(recipe.architecture, recipe.dataset.classes, recipe.dataset.channels)
    steps = config.total_steps(len(train))
    module = MemberModule(network, config, steps)
    trainer = quiet_trainer(runtime, config.precision, max_steps=steps, callbacks=[_Steps(step)], logs=logs)
    started = time.perf_counter()
    loader = training_loader(
        train.augmented(recipe.transform, config.augment, recipe.seed), config.batch_size, recipe.seed, runtime.workers
    )
    trainer.fit(module, loader)
    elapsed = time.perf_counter() - started
    validation = ordered_loader(val.dataset(recipe.transform), 4 * config.batch_size, runtime.workers)
    (metrics,) = trainer.validate(module, validation, verbose=False)
    return checkpoint.save(
        folder,
        network,
        {
            "name": recipe.name,
            "recipe": recipe.identity(),
            "steps": trainer.global_step,
            "metrics": {name.removeprefix("val/").replace("_at_", "@"): value for name, value in metrics.items()},
            "seconds": round(elapsed, 2),
            "versions": versions(),
        },
    )


def quiet_trainer(
    runtime: RuntimeConfig, precision: str, logs: Path | None = None, callbacks: Any = None, **options: Any
) -> lightning.Trainer:
    """A Lightning trainer that leaves the terminal to wee, and checkpoints to wee."""
    logging.getLogger("lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for noise in (
        ".*does not have many workers.*",
        ".*`isinstance.treespec.*",
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*have no `val_dataloader`.*",
    ):
        warnings.filterwarnings("ignore", message=noise)
    logger: Any = False
    if logs is not None:
        from lightning.pytorch.loggers import CSVLogger

        logger = CSVLogger(logs.parent, name=logs.name, version="")
    return lightning.Trainer(
        accelerator=runtime.accelerator,
        devices=runtime.devices,
        strategy=runtime.strategy,
        num_nodes=runtime.num_nodes,
        precision=precision,  # type: ignore[arg-type]
        logger=logger,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=True,
        **options,
    )
