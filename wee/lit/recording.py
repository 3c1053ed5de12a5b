"""Running one member over samples of one split with Lightning, into an entry of the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wee.data.base import Split
from wee.lit.loaders import ordered_loader
from wee.lit.record import Recorder, StoreWriter
from wee.lit.runtime import RuntimeConfig
from wee.lit.training import interruptible, quiet_trainer
from wee.models.network import Network
from wee.store import PieceWriter


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
    network: Network,
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
