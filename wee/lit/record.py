"""Evaluation of a member on a split with Lightning, which writes the logits into an entry of the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import BasePredictionWriter
from numpy.typing import NDArray
from torch import Tensor, nn

from wee.data.base import Batch, Split
from wee.interruption import answer, asked, deferred, take_signals
from wee.lit.fit import interruptible, quiet_trainer
from wee.lit.layout import lay_out
from wee.lit.loaders import ordered_loader
from wee.lit.runtime import RuntimeConfig
from wee.members.origins import LoadedMember
from wee.store import PieceWriter


class Recorder(lightning.LightningModule):
    """A module that runs a network on images. Each prediction includes the places and labels of its samples.

    Args:
        network: the network, from images to logits.
        channels_last: whether images and weights have the memory layout "channels last".
    """

    def __init__(self, network: nn.Module, channels_last: bool = True) -> None:
        super().__init__()
        self.channels_last = channels_last
        self.network = lay_out(network, channels_last)

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return logits, labels and places in the split of one batch."""
        logits = self.network(lay_out(batch["image"], self.channels_last))
        return {"logits": logits, "label": batch["label"], "index": batch["index"]}


class StoreWriter(BasePredictionWriter):
    """A callback that writes predictions into an entry of the store, batch by batch.

    Args:
        writer: the writer of the entry.
        storage: the type that logits are stored as, as numpy names it.
        done: called with the number of samples of every batch.
    """

    def __init__(self, writer: PieceWriter, storage: str, done: Callable[[int], None]) -> None:
        super().__init__(write_interval="batch")
        self.writer, self.storage, self.done = writer, storage, done

    def on_predict_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Take signals back from Lightning, which would ignore them."""
        take_signals()

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
        """Write one batch. Lightning's `batch_indices` are ignored, because they have been wrong across processes."""
        index, labels = (prediction[name].cpu().numpy() for name in ("index", "label"))
        logits = prediction["logits"].float().cpu().numpy()
        with np.errstate(over="ignore"):  # the writer reports which sample does not fit
            self.writer.add(index, logits.astype(self.storage, copy=False), labels)
        self.done(len(prediction["index"]))
        if asked():
            self.writer.flush()
        answer()


@dataclass(frozen=True)
class Recording:
    """Options for recording logits.

    Attributes:
        batch_size: number of images in one forward pass.
        precision: numerical precision, as Lightning's Trainer takes it.
        storage: the type that logits are stored as, as numpy names it.
        runtime: the device.
    """

    batch_size: int
    precision: str
    storage: str
    runtime: RuntimeConfig


def record(
    network: LoadedMember,
    split: Split,
    wanted: NDArray[np.int64],
    writer: PieceWriter,
    how: Recording,
    done: Callable[[int], None],
) -> None:
    """Run a member on samples of a split, and write their logits.

    Args:
        network: the member.
        split: the split.
        wanted: places of the wanted samples in the split, ascending.
        writer: the writer of the entry.
        how: batch size, precision, device.
        done: called with the number of samples of every batch.
    """
    if not len(wanted):
        return
    recorder = Recorder(network.module)
    only = None if len(wanted) == len(split) else wanted.tolist()
    loader = ordered_loader(split.dataset(network.transform), how.batch_size, how.runtime.workers, only)
    trainer = quiet_trainer(how.runtime, how.precision, callbacks=[StoreWriter(writer, how.storage, done)])
    with interruptible(), deferred():
        trainer.predict(recorder, loader, return_predictions=False)
