"""Training with torch.compile: the same weights but for rounding, also after an interruption."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.helpers.training import Stop, recipe, run
from wee.data.images.config import ImagesConfig
from wee.errors import WeeError


def test_a_compiled_network_is_trained_to_the_same_weights(dataset: ImagesConfig, tmp_path: Path) -> None:
    from torch._dynamo.utils import counters

    made = recipe(dataset, ema=0.9, epochs=2)
    torch.compiler.reset()
    counters.clear()
    plain = run(made, tmp_path / "plain")
    assert not counters["frames"]
    with pytest.raises(Stop):
        run(made, tmp_path / "compiled", stop_after=2, compile=True)
    compiled = run(made, tmp_path / "compiled", compile=True)
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
        run(recipe(dataset), tmp_path, compile=True)
    assert not (tmp_path / "member").exists()
