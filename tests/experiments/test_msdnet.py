"""The page about the exits of one network, on made-up logits whose answer is known."""

from __future__ import annotations

import importlib
import re
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.helpers.command_line import Wee
from wee.data.splits import TEST, VAL
from wee.store import Address, LogitStore

CIFAR10 = Path(__file__).resolve().parents[2] / "experiments" / "cifar10"
MACS = [1e6, 2e6, 3e6, 4e6, 5e6]
COUNT = 800


@pytest.fixture
def msdnet(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the page."""
    monkeypatch.syspath_prepend(str(CIFAR10))
    return importlib.import_module("msdnet")


def fill(root: Path) -> None:
    """Make a store with two members, whose later exits have less noise of the same kind."""
    store = LogitStore(root)
    for member in (0, 1):
        for number, split in enumerate((VAL, TEST)):
            labels = np.random.default_rng(number).integers(10, size=COUNT)
            rng = np.random.default_rng([number, member])
            shared = rng.normal(size=(COUNT, 10))
            ids = np.array([f"{split.kind}-{k}" for k in range(COUNT)], dtype=np.bytes_)
            address = Address("cifar10", "msdnet_cifar", "step1", member, split)
            identity = {"weights": f"member-{member}", "samples": str(split)}
            of_exits = [
                (3.0 + 0.5 * number_of_exit) * np.eye(10)[labels] + shared + rng.normal(size=(COUNT, 10))
                for number_of_exit in range(5)
            ]
            with store.writer(address, identity, labels, ids, ids) as writer:
                writer.add(np.arange(COUNT), np.stack(of_exits, axis=1).astype(np.float32), labels)
                writer.commit({"macs": MACS}, {"command": "wee evaluate"})


def test_the_page_says_what_the_sweep_has(
    msdnet: ModuleType, tmp_path: Path, wee: Wee, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "store")
    stored = ("dataset=stored", "dataset.name=cifar10", "family=stored", "family.name=msdnet_cifar")
    overrides = (*stored, "paths.store=store", "task.metrics=[accuracy]", "bootstrap.resamples=40")
    wee("sweep", "+experiment=msdnet", *overrides, cwd=tmp_path)
    monkeypatch.setattr(msdnet.training, "lines", partial(msdnet.training.lines, tmp_path / "store"))
    places = msdnet.places(tmp_path / "outputs" / "sweeps")
    page = importlib.import_module("words").fill(CIFAR10 / "msdnet.page.md", places)
    assert "{" not in re.sub(r"\{[+-]\d+\.\d+, [+-]\d+\.\d+\}", "", page).replace("`", "")  # but for intervals
    assert places["macs"] == "5 M"
    assert float(places["last_accuracy"]) > float(places["first_accuracy"])
    rows = [line for line in places["windows"].splitlines() if line.startswith("| 3, 5 |")]
    prices = [float(line.split("|")[3].split()[0]) for line in rows]
    assert prices == sorted(prices)
    assert (prices[0], prices[-1]) == (3, 5)
    assert rows[0].rstrip(" |").endswith("equal")
    assert "0.3, then 0.2" in places["windows"]
    assert "0.2, then 0.2" not in places["windows"]  # the same windows as 0.2
    assert places["members"].count("\n") == 3
    accuracies = [float(cell) for cell in places["exits"].splitlines()[-1].split("|")[3:5]]
    assert f"{np.mean(accuracies):.1f}" == places["last_accuracy"]
    last = places["members"].splitlines()[-2:]
    assert [float(line.split("|")[4]) for line in last] == accuracies
