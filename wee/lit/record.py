"""The Lightning module that runs a member over images, and the writer that keeps its logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor, nn

from wee.data.base import Batch
from wee.store import EntryWriter


class Recorder(L.LightningModule):
    """Runs a network over images. Each prediction carries the places of its samples and their labels with it.

    Args:
        network: images to logits.
        channels_last: memory layout of images and weights.
    """

    def __init__(self, network: nn.Module, channels_last: bool = True) -> None:
        super().__init__()
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network = network.to(memory_format=self.layout)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Logits, labels and places of one batch."""
        logits = self.network(batch["image"].to(memory_format=self.layout))
        return {"logits": logits, "label": batch["label"], "index": batch["index"]}


class StoreWriter(BasePredictionWriter):
    """Hands predictions to an entry of the store as they come.

    Args:
        writer: the entry in the making.
        done: called with the number of samples of every batch.
    """

    def __init__(self, writer: EntryWriter, done: Callable[[int], None]) -> None:
        super().__init__(write_interval="batch")
        self.writer, self.done = writer, done

    def write_on_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Keep one batch. Lightning's own `batch_indices` are not used: they have been wrong between processes."""
        self.writer.add(*(prediction[name].float().cpu().numpy() if name == "logits" else prediction[name].cpu().numpy() for name in ("index", "logits", "label")))
        self.done(len(prediction["index"]))
