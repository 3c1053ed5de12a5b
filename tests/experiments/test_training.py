"""The training times of the members in the store, and their table on the page about CIFAR-10."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

CIFAR10 = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("training")


def test_times_come_from_checkpoints_and_stay_with_their_weights(training: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "training.csv"
    first = training.recorded(CIFAR10 / "checkpoints", "a machine")
    assert list(zip(first["size"], first.member, strict=True)) == [("w16", 0), ("w16", 1), ("w24", 0), ("w24", 1)]
    training.add(first, file)
    training.add(training.recorded(CIFAR10 / "checkpoints", "another machine"), file)
    written = pd.read_csv(file)
    assert len(written) == 4
    assert set(written.machine) == {"a machine"}


def test_a_time_is_shown_beside_the_logits_of_its_weights_alone(training: ModuleType, tmp_path: Path) -> None:
    times = pd.read_csv(training.FILE)
    times.loc[0, "weights"] = "0" * 16
    file = tmp_path / "training.csv"
    times.to_csv(file, index=False)
    before, after = training.lines(), training.lines(file=file)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert changed[0][0].startswith(f"| {times['size'][0]} | {times.member[0]} |")
    assert changed[0][1].endswith("| not recorded | not recorded |")
