"""MSDNet: the published sizes of its ImageNet settings, exits that depend on nothing later, and a pass through the store."""

from __future__ import annotations

import pytest
import torch
import yaml

from wee.app.paths import conf_dir
from wee.app.typed import to_object
from wee.costs import COSTS
from wee.data.base import Transform
from wee.errors import WeeError
from wee.models.build import build
from wee.models.config import FamilyConfig
from wee.models.msdnet import MSDNet


def family(name: str) -> FamilyConfig:
    return to_object(FamilyConfig, yaml.safe_load((conf_dir() / "family" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(
    ("scale", "macs", "parameters"),
    [
        ("step4", [339.9, 685.5, 1008.2, 1254.5, 1360.5], 23.96),
        ("step7", [615.6, 1436.4, 2283.2, 2967.4, 3253.8], 62.31),
    ],
)
def test_the_imagenet_settings_have_their_published_sizes(scale: str, macs: list[float], parameters: float) -> None:
    """Published counts leave batch norm out; fvcore's has about 0.3 % more."""
    network = build(family("msdnet").scales[scale], 1000, 3)
    transform = Transform(224, (0.0,), (1.0,))
    found = COSTS["macs"].measure(network, transform, 3)
    assert isinstance(found, list)
    assert [m / 1e6 for m in found] == pytest.approx(macs, rel=0.004)
    assert all(m / 1e6 > published for m, published in zip(found, macs, strict=True))
    counts = COSTS["parameters"].measure(network, transform, 3)
    assert isinstance(counts, list)
    assert sorted(set(counts)) == counts
    assert counts[-1] / 1e6 == pytest.approx(parameters, abs=0.01)


@pytest.mark.parametrize("mode", ["even", "lin_grow"])
def test_an_exit_depends_on_nothing_later(mode: str) -> None:
    torch.manual_seed(0)
    network = MSDNet(
        4, 1, blocks=3, base=2, step=1, step_mode=mode, channels=4, growth=4, scale_factors=[1, 2], stem="small"
    )
    network.eval()
    images = torch.randn(2, 1, 16, 16)
    whole = network(images)
    assert whole.shape == (2, 3, 4)
    for exits in (1, 2):
        assert torch.equal(network(images, exits), whole[:, :exits])


@pytest.mark.parametrize(
    "setting", [{"step_mode": "odd"}, {"growth": 3}, {"bottleneck_factors": [1]}, {"stem": "none"}]
)
def test_impossible_settings_are_refused(setting: dict[str, object]) -> None:
    with pytest.raises(WeeError, match="MSDNet: "):
        MSDNet(4, 1, **setting)  # type: ignore[arg-type]


def test_every_exit_is_trained() -> None:
    from wee.lit.member import MemberModule
    from wee.members.trainer import TrainerConfig

    scale = family("msdnet_small").scales["m1"]
    module = MemberModule(build(scale, 8, 1), TrainerConfig("t", steps=1, lr=0.1), 1)
    batch = {"image": torch.randn(4, 1, 24, 24), "label": torch.arange(4), "index": torch.arange(4)}
    logits = module(batch["image"])
    loss = module._loss(logits, batch["label"])
    each = [torch.nn.functional.cross_entropy(logits[:, k], batch["label"]) for k in range(5)]
    assert loss.item() == pytest.approx(sum(one.item() for one in each), rel=1e-5)
