"""Lightning's half: metrics with proper state, seeded orders, logits that keep their samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wee.config.common import RuntimeConfig
from wee.data.base import ArrayImages, Transform
from wee.lit.config import TrainerConfig
from wee.lit.loaders import SeededOrder, ordered_loader, training_loader
from wee.lit.member import MemberModule
from wee.lit.metrics import SelectiveClassification
from wee.lit.record import Recorder, StoreWriter
from wee.lit.training import quiet_trainer
from wee.method import RiskCoverage, Task, summarise
from wee.store import Address, LogitStore


def images(count: int, size: int = 8) -> ArrayImages:
    pixels = np.random.default_rng(0).integers(256, size=(count, 1, size, size)).astype(np.uint8)
    return ArrayImages(pixels, np.arange(count) % 3, Transform(size, [0.5], [0.5]))


def test_metrics_are_the_methods_and_reset() -> None:
    logits = torch.randn(90, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(90) % 4
    metric = SelectiveClassification(("accuracy", "cov@20", "aurc"))
    metric.update(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))
    metric.reset()
    for part in torch.arange(90).split(37):
        metric.update(logits[part], labels[part])
    prefix = summarise([logits.numpy()], labels.numpy(), [(0,)])[0,]
    curve = RiskCoverage.of(prefix.scores["msp"], prefix.correct)
    found = {name: value.item() for name, value in metric.compute().items()}
    assert found == {
        "accuracy": 100 * prefix.correct.mean(),
        "cov@20": Task("cov", 20).read(curve)[0],
        "aurc": curve.aurc,
    }


def test_orders_depend_on_seed_and_epoch_alone() -> None:
    first, again, other = SeededOrder(50, 3), SeededOrder(50, 3), SeededOrder(50, 4)
    torch.rand(1)
    assert list(first) == list(again)
    assert list(first) != list(other)
    first.set_epoch(1)
    assert list(first) != list(again)
    assert sorted(first) == list(range(50))


def test_a_training_batch_is_whole_even_when_there_are_few_samples() -> None:
    assert [len(batch["index"]) for batch in training_loader(images(10), 64, seed=0, workers=0)] == [10]


def test_logits_stay_with_their_samples(tmp_path: Path) -> None:
    """Whatever order they are run in, and with two workers."""
    data = images(41)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        expected = network(data.__getitems__(list(range(41)))["image"]).numpy()
    ids = np.arange(41).astype("S")
    order = np.random.default_rng(1).permutation(41).tolist()
    with LogitStore(tmp_path).writer(Address("d", "f", "s", 0, "val"), {}, data.labels.numpy(), ids, ids) as writer:
        counted: list[int] = []
        trainer = quiet_trainer(
            RuntimeConfig(accelerator="cpu"), "32-true", callbacks=[StoreWriter(writer, "float32", counted.append)]
        )
        loader = ordered_loader(data, 16, workers=2, only=order)
        assert trainer.predict(Recorder(network), loader, return_predictions=False) is None
        entry = writer.commit({"macs": 1.0}, {})
    np.testing.assert_allclose(entry.logits, expected, rtol=1e-5, atol=1e-6)
    assert sum(counted) == 41


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine"])
def test_schedules_rise_and_fall(schedule: str) -> None:
    config = TrainerConfig("t", steps=40, lr=0.5, schedule=schedule, warmup=0.25, optimizer="sgd")
    module = MemberModule(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), config, 40)
    built = module.configure_optimizers()
    optimizer, scheduler = built["optimizer"], built["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert max(rates) == pytest.approx(0.5, rel=0.02)
    assert rates.index(max(rates)) == pytest.approx(10, abs=1)
    assert rates[0] < 0.05
    assert rates[-1] < 0.01
    decays = {group["weight_decay"] for group in optimizer.param_groups}
    assert decays == {0.0, config.weight_decay}
