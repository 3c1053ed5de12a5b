"""The Lightning module that trains a member."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from torch import Tensor, nn

from wee.data.base import Batch
from wee.lit.layout import lay_out
from wee.lit.metrics import SelectiveClassification
from wee.members.trainer import TrainerConfig


class MemberModule(lightning.LightningModule):
    """Trains one network with cross-entropy, and computes metrics of selective classification on validation.

    For a multi-exit network, the losses of all exits are added, and the metrics are those of the last exit.

    Args:
        network: the network, from images to logits [n, classes] or [n, exits, classes].
        config: optimiser and schedule.
        steps: number of steps of the whole training.
    """

    def __init__(self, network: nn.Module, config: TrainerConfig, steps: int) -> None:
        super().__init__()
        self.network = lay_out(network, config.channels_last)
        self.config, self.steps = config, steps
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        self.metrics = SelectiveClassification()
        self.average = None
        if config.ema is not None:
            averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
            average = torch.optim.swa_utils.AveragedModel(self.network, multi_avg_fn=averaging, use_buffers=True)
            self.average = average.requires_grad_(False)

    @property
    def result(self) -> nn.Module:
        """The network to save: the one with averaged weights (EMA) if the config asks for it, otherwise the trained one."""
        return self.network if self.average is None else self.average.module

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """Take an optimiser step, and update the moving average."""
        super().optimizer_step(*arguments, **options)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [n, classes] or [n, exits, classes] of images [n, channels, height, width]."""
        logits: Tensor = self.network(lay_out(images, self.config.channels_last))
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        loss = self._loss(self(batch["image"]), batch["label"])
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Collect the logits of one batch."""
        logits = self.result(lay_out(batch["image"], self.config.channels_last))
        logits = logits if logits.ndim == 2 else logits[:, -1]
        self.metrics.update(logits, batch["label"])

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy; for a multi-exit network, the sum over its exits [n, exits, classes]."""
        exits = [logits] if logits.ndim == 2 else list(logits.unbind(1))
        total: Tensor = torch.stack([self.loss(exit_logits, labels) for exit_logits in exits]).sum()
        return total

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics collected over the epoch."""
        for name, value in self.metrics.compute().items():
            self.log(f"val/{name.replace('@', '_at_')}", value.float(), rank_zero_only=True)
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        """Return the optimiser and the schedule of the learning rate, which changes at every step."""
        config = self.config
        optimizer = create_optimizer_v2(
            self.network,
            opt=config.optimizer if config.optimizer != "sgd" else "nesterov" if config.nesterov else "momentum",
            lr=config.lr,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": _schedule(optimizer, config, self.steps), "interval": "step"},
        }


def _schedule(optimizer: torch.optim.Optimizer, config: TrainerConfig, steps: int) -> Any:
    schedules = torch.optim.lr_scheduler
    if config.schedule == "one_cycle":
        return schedules.OneCycleLR(optimizer, config.lr, total_steps=steps + 1, pct_start=max(config.warmup, 1e-3))
    rising = round(config.warmup * steps)
    falling = schedules.CosineAnnealingLR(optimizer, max(steps - rising, 1))
    if not rising:
        return falling
    warmup = schedules.LinearLR(optimizer, start_factor=0.01, total_iters=rising)
    return schedules.SequentialLR(optimizer, [warmup, falling], milestones=[rising])
