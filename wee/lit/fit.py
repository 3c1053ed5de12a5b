"""Training of a member with Lightning."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import Logger
from torch import nn

from wee.data.base import Split
from wee.data.variation import varied
from wee.errors import WeeError, first_line
from wee.files import read_checked, write_checked
from wee.interruption import answer, asked, deferred, take_signals
from wee.lit.hush import hush
from wee.lit.loaders import ordered_loader, training_loader
from wee.lit.member import MemberModule
from wee.lit.processes import Processes
from wee.lit.runtime import RuntimeConfig
from wee.members import checkpoints
from wee.members.recipes import Recipe
from wee.models.build import build
from wee.versions import versions

log = logging.getLogger("wee")


class _Progress(lightning.Callback):
    """A callback that makes training resumable: it saves the state, and seeds the random numbers of each step.

    Args:
        path: the file of the state.
        seed: seed of the random numbers of a step (dropout).
        every: seconds between two saved states.
        step: called after every optimiser step.
    """

    def __init__(self, path: Path, seed: int, every: float, step: Callable[[int], None]) -> None:
        self.path, self.seed, self.every, self.step = path, seed, every, step
        self.state = self._read()
        self.first = 0 if self.state is None else int(self.state["step"])
        self._saved_at, self._reported_step = time.monotonic(), 0

    def load_finished(self, module: lightning.LightningModule) -> None:
        """Load the weights of a training whose last step was done before it was interrupted."""
        assert self.state is not None
        module.load_state_dict(self.state["module"])

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self.state is not None:
            pl_module.load_state_dict(self.state["module"])
            trainer.optimizers[0].load_state_dict(self.state["optimizer"])
            trainer.lr_scheduler_configs[0].scheduler.load_state_dict(self.state["scheduler"])
            trainer.precision_plugin.load_state_dict(self.state["precision"])
            self.step(self.first)
        self.state = None
        take_signals()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        part = self.first * trainer.accumulate_grad_batches + batch_idx
        torch.manual_seed((self.seed * 1_000_003 + part) * 1_009 + trainer.global_rank)

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        if trainer.global_step > self._reported_step:
            self._reported_step = trainer.global_step
            self.step(1)
            if asked() or time.monotonic() - self._saved_at > self.every:
                self._write(trainer, pl_module)
            answer()

    def _write(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._saved_at = time.monotonic()
        if not trainer.is_global_zero:
            return
        state = {
            "step": self.first + trainer.global_step,
            "module": pl_module.state_dict(),
            "optimizer": trainer.optimizers[0].state_dict(),
            "scheduler": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
            "precision": trainer.precision_plugin.state_dict(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_checked(self.path, content.getvalue())

    def _read(self) -> dict[str, Any] | None:
        if not self.path.is_file():
            return None
        try:
            content = io.BytesIO(read_checked(self.path))
            state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
            log.info(f"going on with a training that was interrupted after {state['step']:,} steps")
        except Exception as error:
            log.warning(f"{self.path}, left by an interrupted training, cannot be read ({error}); it begins anew")
            return None
        return state


def train_member(
    recipe: Recipe,
    train: Split,
    val: Split,
    folder: Path,
    runtime: RuntimeConfig,
    loggers: Sequence[Logger],
    step: Callable[[int], None],
    processes: Processes | None = None,
) -> dict[str, Any]:
    """Train a member and save it. An interrupted training resumes, and results in the same weights as without interruption.

    With several processes, each trains on its share of every batch, and the leader saves the member.

    Args:
        recipe: the recipe of the member, which determines its weights.
        train, val: the training and validation splits; validation is used only for metrics.
        folder: the folder to save the member in.
        runtime: the devices.
        loggers: the loggers of the training's curves.
        step: called with the number of optimiser steps done since the last call.
        processes: the processes that train together; None for this process alone.

    Returns:
        The saved description of the member: its recipe, metrics, time and the fingerprint of its weights; empty in a process
        that does not lead.

    Raises:
        WeeError: the network cannot be compiled (`runtime.compile`).
    """
    if runtime.compile and not hasattr(torch.compiler, "set_stance"):
        raise WeeError(f"runtime.compile=true needs torch 2.6 or later; torch {torch.__version__} is installed")
    config, processes = recipe.trainer, processes or Processes()
    torch.manual_seed(recipe.seed)
    network = build(recipe.architecture, recipe.dataset.classes, recipe.dataset.channels)
    steps = config.total_steps(len(train))
    module = MemberModule(network, config, steps)
    state = training_state(folder)
    progress = _Progress(state, recipe.seed, runtime.keep_every, step)
    trainer = quiet_trainer(
        runtime,
        config.precision,
        max_steps=steps - progress.first,
        callbacks=[progress],
        loggers=loggers,
        accumulate_grad_batches=config.accumulate,
    )
    trainer.fit_loop.epoch_loop._batches_that_stepped = progress.first  # the steps in logs go on where they were
    started = time.perf_counter()
    images = varied(train, recipe.transform, config.augment, recipe.seed)
    processes.same("the step that this training goes on from", progress.first)
    if progress.first < steps:
        order = (recipe.seed, runtime.workers, progress.first, processes.rank, processes.size)
        fast = _compiled(module.network) if runtime.compile else contextlib.nullcontext()
        with interruptible(), deferred(), fast:
            trainer.fit(module, training_loader(images, config, *order))
    else:
        progress.load_finished(module)
    elapsed = time.perf_counter() - started
    share = None if processes.size == 1 else range(processes.rank, len(val), processes.size)
    validation = ordered_loader(val.dataset(recipe.transform), 4 * config.batch_size, runtime.workers, share)
    stance = torch.compiler.set_stance("force_eager") if runtime.compile else contextlib.nullcontext()
    with stance:  # compiling for other sizes of batches would take longer than the validation
        (metrics,) = trainer.validate(module, validation, verbose=False)
    if not processes.leads:
        return {}
    about = checkpoints.save(
        folder,
        module.result,
        {
            "name": recipe.name,
            "recipe": recipe.identity(),
            "steps": steps - progress.first,
            "metrics": {name.removeprefix("val/").replace("_at_", "@"): value for name, value in metrics.items()},
            "seconds": round(elapsed, 2),
            "processes": processes.size,
            "versions": versions(),
        },
    )
    shutil.rmtree(state.parent, ignore_errors=True)
    return about


def training_folder(folder: Path) -> Path:
    """Return the folder that holds the state of a training until the member is saved in its own folder."""
    return folder.with_name(f"{folder.name}.training")


def training_state(folder: Path) -> Path:
    """Return the file from which an interrupted training goes on."""
    return training_folder(folder) / "state.pt"


@contextlib.contextmanager
def _compiled(network: nn.Module) -> Iterator[None]:
    """Compile a network when it first runs inside the `with` block. It draws the same random numbers as without compilation.

    Raises:
        WeeError: the network cannot be compiled, for instance because there is no C++ compiler.
    """
    network.compile(options={"fallback_random": True})
    try:
        yield
    except RuntimeError as error:
        from torch._dynamo.exc import TorchDynamoException

        if not isinstance(error, TorchDynamoException):
            raise
        raise WeeError(
            f"torch.compile failed ({first_line(error)}); runtime.compile=false trains without it"
        ) from error


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Convert the SystemExit that Lightning raises after Ctrl-C back to a KeyboardInterrupt.

    Raises:
        KeyboardInterrupt: the user pressed Ctrl-C inside the `with` block.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from None


def quiet_trainer(
    runtime: RuntimeConfig, precision: str, loggers: Sequence[Logger] = (), callbacks: Any = None, **options: Any
) -> lightning.Trainer:
    """Return a Lightning trainer without output and checkpoints, which wee handles itself."""
    hush()
    return lightning.Trainer(
        accelerator=runtime.accelerator,
        devices=runtime.devices,
        strategy=runtime.strategy,
        num_nodes=runtime.num_nodes,
        precision=precision,  # type: ignore[arg-type]
        logger=list(loggers) or False,
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **options,
    )
