"""Running one member over samples of one split with Lightning, into an entry of the store."""

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
from wee.lit.fit import interruptible, quiet_trainer
from wee.lit.layout import lay_out
from wee.lit.loaders import ordered_loader
from wee.lit.runtime import RuntimeConfig
from wee.members.origins import LoadedMember
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


@dataclass(frozen=True)
class Recording:
    """How logits are recorded.

    Attributes:
        batch_size: images run at once.
        precision: as Lightning's Trainer takes it.
        storage: what logits are kept as, as numpy names it.
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
    """Run a member over samples of a split.

    Args:
        network: the member.
        split: the samples.
        wanted: places of those that are wanted, ascending.
        writer: of the entry in the making.
        how: batch size, precision, device.
        done: called with the number of samples of every batch.
    """
    if not len(wanted):
        return
    recorder = Recorder(network.module)
    only = None if len(wanted) == len(split) else wanted.tolist()
    loader = ordered_loader(split.dataset(network.transform), how.batch_size, how.runtime.workers, only)
    trainer = quiet_trainer(how.runtime, how.precision, callbacks=[StoreWriter(writer, how.storage, done)])
    with interruptible():
        trainer.predict(recorder, loader, return_predictions=False)
