"""Lightning's half: metrics with proper state, seeded orders, logits that keep their samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wee.data.base import ArrayImages, Transform
from wee.data.splits import VAL
from wee.errors import WeeError
from wee.lit.fit import quiet_trainer
from wee.lit.loaders import TrainingOrder, ordered_loader, training_loader
from wee.lit.member import MemberModule
from wee.lit.metrics import SelectiveClassification
from wee.lit.record import Recorder, StoreWriter
from wee.lit.runtime import RuntimeConfig
from wee.members.trainer import TrainerConfig
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
        "cov@20": Task.parse("cov@20").read(curve)[0],
        "aurc": curve.aurc,
    }


def test_orders_depend_on_seed_and_epoch_alone() -> None:
    first, again, other = (TrainingOrder(50, 10, seed, 15) for seed in (3, 3, 4))
    torch.rand(1)
    assert list(first) == list(again)
    assert list(first) != list(other)
    epochs = np.array(list(first)).reshape(3, 50)
    assert (np.sort(epochs, axis=1) == np.arange(50)).all()
    assert (epochs[0] != epochs[1]).any()


def test_a_training_that_goes_on_sees_what_it_would_have_seen() -> None:
    whole = list(TrainingOrder(23, 5, 1, 11, with_epoch=True))
    assert len(whole) == len(TrainingOrder(23, 5, 1, 11)) == 55
    assert list(TrainingOrder(23, 5, 1, 11, first=7, with_epoch=True)) == whole[35:]
    assert [item // 23 for item in whole] == [0] * 20 + [1] * 20 + [2] * 15


def test_processes_share_each_steps_samples() -> None:
    whole = np.array(list(TrainingOrder(40, 8, 1, 10))).reshape(10, 8)
    shares = [np.array(list(TrainingOrder(40, 8, 1, 10, rank=r, ranks=2))).reshape(10, 4) for r in range(2)]
    assert (np.sort(np.concatenate(shares, axis=1), axis=1) == np.sort(whole, axis=1)).all()


def test_a_training_batch_is_whole_even_when_there_are_few_samples() -> None:
    config = TrainerConfig("t", steps=3, batch_size=64, lr=0.1)
    assert [len(batch["index"]) for batch in training_loader(images(10), config, 0, 0)] == [10] * 3
    parts = TrainerConfig("t", steps=2, batch_size=8, lr=0.1, accumulate=2)
    assert [len(batch["index"]) for batch in training_loader(images(10), parts, 0, 0)] == [4] * 4
    with pytest.raises(WeeError, match="does not divide among 3 devices"):
        training_loader(images(10), parts, 0, 0, ranks=3)


def test_logits_stay_with_their_samples(tmp_path: Path) -> None:
    """Whatever order they are run in, and with two workers."""
    data = images(41)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    with torch.no_grad():
        expected = network(data.__getitems__(list(range(41)))["image"]).numpy()
    ids = np.arange(41).astype("S")
    order = np.random.default_rng(1).permutation(41).tolist()
    with LogitStore(tmp_path).writer(Address("d", "f", "s", 0, VAL), {}, data.labels.numpy(), ids, ids) as writer:
        counted: list[int] = []
        trainer = quiet_trainer(
            RuntimeConfig(accelerator="cpu"), "32-true", callbacks=[StoreWriter(writer, "float32", counted.append)]
        )
        loader = ordered_loader(data, 16, workers=2, only=order)
        assert trainer.predict(Recorder(network), loader, return_predictions=False) is None
        entry = writer.commit({"macs": 1.0}, {"command": "wee evaluate"})
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
