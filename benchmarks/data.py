"""Synthetic logits of ImageNet's size, as entries of a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wee.app.console import progress
from wee.data.splits import SplitName
from wee.store import Address, LogitStore

IMAGENET = {"val": 50_000, "test": 50_000, "ood-openimage": 17_632, "ood-inaturalist": 10_000}
"""Samples a split: those of the paper's evaluation on ImageNet."""

MEMBERS = 2
MACS = 399e6
SCALE = "s"
_ROWS = 5_000
_RIVALS = 8


def make(
    root: Path, dataset: str, samples: Mapping[str, int], classes: int, members: int = MEMBERS, scale: str = SCALE
) -> None:
    """Entries of `members` members on every split, unless they are there.

    Members agree about what is easy and about which classes are alike; accuracy is about that of a small ImageNet network.
    """
    store = LogitStore(root)
    todo = [(split, member) for split in samples for member in range(members)]
    with progress("samples") as bar:
        task = bar.add_task(f"making {dataset}", total=sum(samples[split] for split, _ in todo))
        for split, member in todo:
            identity = {"weights": f"synthetic-{member}", "samples": [split, samples[split], classes]}
            address = Address(dataset, "synthetic", scale, member, SplitName.parse(split))
            if store.find(address):
                bar.advance(task, samples[split])
                continue
            shared = np.random.default_rng([7, *split.encode()])
            labels = shared.integers(classes, size=samples[split])
            known = labels if SplitName.parse(split).kind != "ood" else np.full(samples[split], -1)
            ids = np.array([f"{split}-{i:07d}" for i in range(samples[split])], dtype=np.bytes_)
            own = np.random.default_rng([member, *split.encode()])
            with store.writer(address, identity, known, ids, ids) as writer:
                for start in range(0, samples[split], _ROWS):
                    rows = np.arange(start, min(start + _ROWS, samples[split]))
                    writer.add(rows, _logits(labels[rows], classes, split, shared, own), known[rows])
                    bar.advance(task, len(rows))
                writer.commit({"macs": MACS}, {"command": "make bench"})


def _logits(
    labels: np.ndarray, classes: int, split: str, shared: np.random.Generator, own: np.random.Generator
) -> np.ndarray:
    n = len(labels)
    z = own.standard_normal((n, classes), dtype=np.float32)
    rows = np.arange(n)
    rivals = shared.integers(classes, size=(n, _RIVALS))
    z[rows[:, None], rivals] += (shared.gamma(2.0, 2.0, (n, _RIVALS)) + own.normal(0, 0.7, (n, _RIVALS))).astype("f4")
    if SplitName.parse(split).kind != "ood":
        z[rows, labels] += (shared.gamma(5.0, 2.4, n) + own.normal(0, 1.0, n)).astype("f4")
    return z
