"""Plans and pools for tests of sweeps and figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.stores import FAR
from wee.data.splits import TEST, VAL, SplitName
from wee.members.config import EnsembleConfig
from wee.store import Address, LogitStore
from wee.sweep.config import PolicyConfig, ScoreConfig, TaskConfig, WindowConfig
from wee.sweep.plan import Plan
from wee.sweep.pool import Pool, read_pool

SPLITS = (VAL, TEST, FAR)


def plan(**changes: object) -> Plan:
    """Every policy, for two tasks and three widths of the window."""
    parts = {
        "ensemble": EnsembleConfig(),
        "policy": PolicyConfig(["single", "ensemble", "window", "threshold", "random"], [0.2, 0.5], [0.3]),
        "window": WindowConfig([0, 0.2, "all"]),
        "score": ScoreConfig("msp", ["same", "energy"]),
        "task": TaskConfig(["cov@20", "risk@50"], ["aurc", "accuracy", "nll"]),
        **changes,
    }
    return Plan(**parts)  # type: ignore[arg-type]


def pool(store: LogitStore, *scales: str, members: int = 2, splits: tuple[SplitName, ...] = (VAL, TEST)) -> Pool:
    """The made-up members of some scales, as `fill_store` left them."""
    networks, missing = read_pool(store, "toy", "made", list(scales), list(range(members)), splits, [])
    assert networks is not None, missing
    return networks


def small(**changes: object) -> Plan:
    """A few policies, for one task and one width of the window."""
    parts: dict[str, object] = {"policy": PolicyConfig(["single", "ensemble", "window"]), "window": WindowConfig([0.2])}
    parts |= {"task": TaskConfig(["cov@20"], ["accuracy", "nll"]), "score": ScoreConfig()}
    return plan(**{**parts, **changes})


def exits(root: Path) -> Pool:
    """Three exits of one multi-exit member."""
    store = LogitStore(root)
    rng = np.random.default_rng(0)
    for split in (VAL, TEST):
        labels = rng.integers(5, size=120)
        logits = rng.normal(size=(120, 3, 5)) + np.array([1.0, 2.0, 3.0])[:, None] * np.eye(5)[labels][:, None]
        ids = np.array([f"{split}-{i}" for i in range(120)], dtype=np.bytes_)
        with store.writer(
            Address("toy", "msd", "m", 0, split), {"weights": "w", "samples": str(split)}, labels, ids, ids
        ) as writer:
            writer.add(np.arange(120), logits.astype(np.float32), labels)
            writer.commit({"macs": [1.0, 2.5, 4.0]}, {"command": "wee evaluate"})
    found, _ = read_pool(store, "toy", "msd", ["m"], [0], [VAL, TEST], [])
    assert found is not None
    return found
