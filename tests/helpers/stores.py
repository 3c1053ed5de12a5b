"""Small stores and tables for tests of sweeps and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wee.data.splits import TEST, VAL, SplitName
from wee.method import NO_LABEL
from wee.store import Address, LogitStore

FAR = SplitName.ood("far")


def fill_store(
    root: Path,
    members: int = 2,
    scales: tuple[str, ...] = ("s1", "s2"),
    count: int = 300,
    seed: int = 0,
    ood: bool = False,
    family: str = "made",
    group: int = 3,
) -> LogitStore:
    """Members of made-up scales: the later the scale, the better and the more expensive."""
    store = LogitStore(root)
    for place, scale in enumerate(scales):
        for member in range(members):
            for stream, split in enumerate((VAL, TEST, FAR) if ood else (VAL, TEST), start=1):
                labels = np.random.default_rng([seed, stream]).integers(5, size=count)
                truth = np.full(count, NO_LABEL) if split == FAR else labels
                rng = np.random.default_rng([seed, place, member, stream])
                logits = (rng.normal(size=(count, 5)) + (1.5 + place) * np.eye(5)[labels]).astype(np.float32)
                ids = np.array([f"{split}-{i}" for i in range(count)], dtype=np.bytes_)
                groups = np.array([f"{split}-{i // group}" for i in range(count)], dtype=np.bytes_)
                identity = {"weights": f"{seed}{place}{member}", "samples": f"{split}{seed}"}
                with store.writer(Address("toy", family, scale, member, split), identity, truth, ids, groups) as writer:
                    writer.add(np.arange(count), logits, truth)
                    writer.commit({"macs": 1e6 * 3**place}, {"command": "wee evaluate", "created": f"2026-{seed}"})
    return store
