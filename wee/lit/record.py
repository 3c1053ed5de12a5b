"""The Lightning module that runs a member over images, and the writer that keeps its logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor, nn

from wee.data.base import Batch
from wee.lit.layout import lay_out
from wee.store import PieceWriter


class Recorder(lightning.LightningModule):
    """Runs a network over images. Each prediction carries the places of its samples and their labels with it.

    Args:
        network: images to logits.
        channels_last: memory layout of images and weights.
    """

    def __init__(self, network: nn.Module, channels_last: bool = True) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.network = lay_out(network, channels_last)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Logits, labels and places of one batch."""
        logits = self.network(lay_out(batch["image"], self.channels_last))
        return {"logits": logits, "label": batch["label"], "index": batch["index"]}


class StoreWriter(BasePredictionWriter):
    """Hands predictions to an entry of the store as they come.

    Args:
        writer: of the entry in the making.
        storage: what logits are kept as, as numpy names it.
        done: called with the number of samples of every batch.
    """

    def __init__(self, writer: PieceWriter, storage: str, done: Callable[[int], None]) -> None:
        super().__init__(write_interval="batch")
        self.writer, self.storage, self.done = writer, storage, done

    def write_on_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        prediction: Any,
        batch_indices: Sequence[int] | None,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Keep one batch. Lightning's own `batch_indices` are not used: they have been wrong between processes."""
        index, labels = (prediction[name].cpu().numpy() for name in ("index", "label"))
        logits = prediction["logits"].float().cpu().numpy()
        with np.errstate(over="ignore"):  # the writer says which sample does not fit
            self.writer.add(index, logits.astype(self.storage, copy=False), labels)
        self.done(len(prediction["index"]))
