"""Training with torch.compile: the same weights but for rounding, also after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers import trees
from wee.data.augment import Augment
from wee.data.base import Split
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.errors import WeeError
from wee.lit import fit
from wee.lit.runtime import RuntimeConfig
from wee.members.recipes import Recipe
from wee.members.trainer import TrainerConfig
from wee.models.config import FamilyConfig


class Stop(Exception):
    """An interruption."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ImagesConfig:
    root = tmp_path_factory.mktemp("images")
    trees.class_folders(root / "train", 14)
    trees.class_folders(root / "test", 4)
    return ImagesConfig(name="toy", root=str(root), validation=HeldOutConfig("train", 6)).resolve()


def trained(
    dataset: ImagesConfig, folder: Path, compiled: bool, stop_after: int | None = None
) -> dict[str, torch.Tensor]:
    """Train a network with dropout and a moving average of its weights, and return what is saved."""
    scale = {"model": "cifar_resnet", "input_size": 16, "kwargs": {"width": 4, "stem": 4, "drop_rate": 0.3}}
    settings = TrainerConfig("t", epochs=2, batch_size=8, optimizer="sgd", lr=0.1, ema=0.9, augment=Augment("shift", 2))
    made = Recipe(dataset, FamilyConfig("f", scales={"s": scale}), settings, "s", 0)  # type: ignore[dict-item]
    splits: list[Split] = [dataset.split(name) for name in ("train", "val")]
    runtime = RuntimeConfig(accelerator="cpu", keep_every=0, compile=compiled)
    done = 0

    def step(count: int) -> None:
        nonlocal done
        done += count
        if done == stop_after:
            raise Stop

    fit.train_member(made, *splits, folder / "member", runtime, [], step)
    return load_file(folder / "member" / "weights.safetensors")


def test_a_compiled_network_is_trained_to_the_same_weights(dataset: ImagesConfig, tmp_path: Path) -> None:
    from torch._dynamo.utils import counters

    torch.compiler.reset()
    counters.clear()
    plain = trained(dataset, tmp_path / "plain", compiled=False)
    assert not counters["frames"]
    with pytest.raises(Stop):
        trained(dataset, tmp_path / "compiled", compiled=True, stop_after=2)
    compiled = trained(dataset, tmp_path / "compiled", compiled=True)
    assert counters["frames"]["ok"] > 0, "it was compiled"
    assert compiled.keys() == plain.keys()
    for name in plain:
        assert torch.allclose(compiled[name].float(), plain[name].float(), rtol=1e-3, atol=1e-5), name


def test_without_a_compiler_the_message_says_what_helps(
    dataset: ImagesConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config

    torch.compiler.reset()
    monkeypatch.setattr(config, "force_disable_caches", True)
    monkeypatch.setattr(config.cpp, "cxx", (None, "/no/compiler"))
    with pytest.raises(
        WeeError, match=r"torch.compile failed \(.*C\+\+ compiler.*\); runtime.compile=false trains without"
    ):
        trained(dataset, tmp_path, compiled=True)
    assert not (tmp_path / "member").exists()
