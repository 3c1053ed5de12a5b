"""Running one member over one split with Lightning, into an entry of the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wee.config.common import RuntimeConfig
from wee.data.base import Split
from wee.lit.loaders import ordered_loader
from wee.lit.record import Recorder, StoreWriter
from wee.lit.training import quiet_trainer
from wee.models.network import Network
from wee.store import Entry, EntryWriter
from wee.versions import versions

log = logging.getLogger("wee")


@dataclass(frozen=True)
class Recording:
    """How logits are recorded.

    Attributes:
        batch_size: images run at once.
        precision: as Lightning's Trainer takes it.
        storage: what logits are kept as, as numpy names it.
        runtime: devices.
    """

    batch_size: int
    precision: str
    storage: str
    runtime: RuntimeConfig


def record(
    network: Network,
    split: Split,
    writer: EntryWriter,
    how: Recording,
    provenance: Mapping[str, Any],
    done: Callable[[int], None],
) -> Entry:
    """Run a member over the samples that an entry still lacks, and commit the entry.

    Args:
        network: the member.
        split: the samples.
        writer: the entry in the making.
        how: batch size, precision, devices.
        provenance: what to remember of how the entry was made.
        done: called with the number of samples of every batch.
    """
    missing = writer.missing
    if len(missing):
        recorder = Recorder(network.module)
        only = None if len(missing) == len(split) else missing.tolist()
        loader = ordered_loader(split.dataset(network.transform), how.batch_size, how.runtime.workers, only)
        trainer = quiet_trainer(how.runtime, how.precision, callbacks=[StoreWriter(writer, how.storage, done)])
        trainer.predict(recorder, loader, return_predictions=False)
    created = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return writer.commit(network.cost, {**provenance, "created": created, "versions": versions()})
