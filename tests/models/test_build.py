"""Networks from configs, and their MACs."""

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
from wee.models.config import FamilyConfig, ScaleConfig


def read_family(name: str) -> FamilyConfig:
    return to_object(FamilyConfig, yaml.safe_load((conf_dir() / "family" / f"{name}.yaml").read_text()))


@pytest.fixture(scope="module")
def tiny() -> FamilyConfig:
    return read_family("tiny")


@pytest.mark.parametrize(
    ("scale", "macs"), [("s1", 66_256), ("s2", 194_960), ("s3", 704_016), ("s4", 1_298_816), ("s5", 3_123_264)]
)
def test_the_tiny_family(tiny: FamilyConfig, scale: str, macs: int) -> None:
    config = tiny.scales[scale]
    network = build(config, classes=8, channels=1)
    assert network(torch.zeros(2, 1, config.input_size, config.input_size)).shape == (2, 8)
    transform = Transform(config.input_size, (0.0,), (1.0,))
    assert COSTS["macs"].measure(network, transform, 1) == macs
    assert network.training
    assert COSTS["parameters"].measure(network, transform, 1) == sum(p.numel() for p in network.parameters())


def test_a_model_that_timm_does_not_have_is_named() -> None:
    with pytest.raises(WeeError, match="no model in timm 'tset_efficientnet'; did you mean 'test_efficientnet'"):
        build(ScaleConfig("tset_efficientnet", 24), 8, 1)


def test_an_override_that_the_model_does_not_take_is_named() -> None:
    with pytest.raises(WeeError, match="does not take .*widht"):
        build(ScaleConfig("test_vit", 160, {"widht": 2}), 8, 1)


def test_a_family_needs_scales_that_are_whole() -> None:
    with pytest.raises(WeeError, match="has no scales"):
        to_object(FamilyConfig, {"name": "empty"})
    with pytest.raises(WeeError, match=r"family\.scales\.big\.input_size is not set"):
        to_object(FamilyConfig, {"name": "mine", "scales": {"big": {"model": "resnet18"}}})
    with pytest.raises(WeeError, match=r"no key 'family\.scales\.big\.input_siez'"):
        to_object(FamilyConfig, {"name": "mine", "scales": {"big": {"model": "resnet18", "input_siez": 3}}})


def test_scales_inherit_from_their_family(tiny: FamilyConfig) -> None:
    assert tiny.scales["s2"].model == "test_efficientnet"
    assert tiny.scales["s2"].kwargs == {"depth_multiplier": 1, "channel_multiplier": 0.5}
    plain = {"name": "mixed", "model": "a", "kwargs": {"x": 1}, "scales": {"own": {"model": "b", "input_size": 8}}}
    assert to_object(FamilyConfig, plain).scales["own"].kwargs == {}


PUBLISHED = {
    "efficientnet": [0.399, 0.709, 1.021, 1.875, 4.493],  # Xia and Bouganis, ICCV 2023
    "mobilenetv2": [0.161, 0.231, 0.314, 0.527, 0.601],  # the same
    "resnet": [1.82, 3.68, 4.12, 7.85, 11.58],  # He et al., CVPR 2016, as timm's downsampling has it
    "vit": [1.26, 4.61, 17.58],  # Steiner et al., TMLR 2022
    "regnet": [0.4, 0.8, 1.6, 3.2, 6.4],  # Radosavovic et al., CVPR 2020: in their names
    "convnext": [4.5, 8.7, 15.4],  # Liu et al., CVPR 2022, Tiny, Small, Base
}
"""In units of 1e9."""

FAMILIES = [file.stem for file in sorted((conf_dir() / "family").glob("*.yaml")) if file.stem != "stored"]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_scale_is_built_and_counted(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing in it is passed over, and scales stand in the order of what they cost."""
    family, found = read_family(name), []
    scales = list(family.scales.values())
    for scale in scales[:1] if name == "msdnet" else scales:  # of ten exits each
        macs = COSTS["macs"].measure(build(scale, 1000, 3), Transform(scale.input_size, (0.0,), (1.0,)), 3)
        found.append(macs if isinstance(macs, float) else macs[-1])
    assert sorted(found) == found
    assert not caplog.records
    if name in PUBLISHED:
        tolerance = 5e-4 if name in ("efficientnet", "mobilenetv2") else 0.02 * PUBLISHED[name][0] + 0.05
        named = [found[k] / 1e9 for k in range(len(found))][-len(PUBLISHED[name]) :]
        assert named == pytest.approx(PUBLISHED[name], abs=tolerance), [f"{one:.3f}" for one in named]
