"""MACs of networks, as fvcore counts them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wee.costs.macs import count_macs
from wee.errors import WeeError
from wee.models.build import build
from wee.models.config import ScaleConfig


def test_the_papers_count() -> None:
    """EfficientNet-B0 at 224: 0.399e9, batch norm included."""
    network = build(ScaleConfig("efficientnet_b0", 224), classes=1000, channels=3)
    assert count_macs(network, 224, 3) / 1e9 == pytest.approx(0.399, abs=5e-4)


def test_fused_attention_is_counted_and_left_fused() -> None:
    network = build(ScaleConfig("test_vit", 160), classes=10, channels=3)
    blocks = [module for module in network.modules() if hasattr(module, "fused_attn")]
    for block in blocks:
        block.fused_attn = False
    open_count = count_macs(network, 160, 3)
    for block in blocks:
        block.fused_attn = True
    assert count_macs(network, 160, 3) == open_count
    assert all(block.fused_attn for block in blocks)


def test_an_operation_that_cannot_be_counted_is_named() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(x * self.scale, x, x)

    with pytest.raises(WeeError, match="cannot count aten::scaled_dot_product_attention in Attends"):
        count_macs(Attends(), 8, 1)


def test_an_operation_that_is_not_counted_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Cumulative(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.conv(images).cumsum(dim=1)

    assert count_macs(Cumulative(), 8, 3) == 3 * 4 * 64
    assert "are without aten::cumsum (1 times), which fvcore cannot count" in caplog.text
