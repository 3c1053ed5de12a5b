"""The cost latency: the mean time of an image, with the conditions that it was measured under."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.helpers.clocks import FakeClock, Slow
from wee.costs import COSTS, LATENCY, conditions, measured
from wee.costs.latency import Conditions, Latency, ascending, calls_in_turn, forward_passes, synchroniser
from wee.data.base import Transform
from wee.models.msdnet import MSDNet

TRANSFORM = Transform(6, (0.5,), (0.5,))


def test_the_time_of_an_image_is_measured_at_the_batch_size() -> None:
    clock = FakeClock()
    for batch in (1, 8):
        network = Slow(clock, 0.5)
        cost = Latency(Conditions(batch), images=40, rounds=5, warmup=2, clock=clock)
        assert cost.measure(network, TRANSFORM, 1) == pytest.approx(0.5)
        assert network.images == 40 + (2 + 5) * batch


def test_inputs_have_the_size_of_the_transform_and_the_layout_of_the_conditions() -> None:
    seen: list[Tensor] = []

    class Network(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert torch.is_inference_mode_enabled()
            seen.append(images)
            return images.mean((1, 2, 3))[:, None]

    for layout in (True, False):
        Latency(Conditions(3, channels_last=layout), images=3, rounds=1, warmup=0).measure(Network(), TRANSFORM, 2)
    seen = seen[::2]  # the first call of a turn is not timed
    assert [tuple(images.shape) for images in seen] == [(3, 2, 6, 6)] * 2
    assert [images.is_contiguous(memory_format=torch.channels_last) for images in seen] == [True, False]
    assert torch.equal(*seen)


def test_exits_are_timed_one_by_one_and_ascend() -> None:
    network = MSDNet(4, 1, blocks=3, base=1, step=1, channels=4, growth=4, scale_factors=[1, 2], stem="small")
    cost = Latency(images=4, rounds=2, warmup=1)
    values = measured(cost, network, Transform(12, (0.5,), (0.5,)), 1)
    assert len(values) == 3
    images = torch.randn(2, 1, 12, 12)
    network.eval()
    with torch.inference_mode():
        exits = network(images)
    for number, run in enumerate(forward_passes(network, images)):
        logits, _ = run(0)  # type: ignore[misc]
        torch.testing.assert_close(logits, exits[:, number])
    assert ascending([2.0, 1.0, 3.0, 2.5]) == [2.0, 2.0, 3.0, 3.0]


def test_the_conditions_say_where_and_how() -> None:
    plain = conditions(LATENCY)
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["batch"], plain["device"], plain["precision"]) == (1, "cpu", "float32")
    assert plain["threads"] == torch.get_num_threads()
    assert plain["machine"]
    assert plain["torch"] == torch.__version__
    assert replace(Conditions(), batch=256).describe() == plain | {"batch": 256}
    assert Conditions(autocast="bfloat16").describe()["precision"] == "bfloat16"
    assert COSTS[LATENCY].heading == "latency (s)"


def test_mixed_precision_reaches_the_network() -> None:
    (run,) = forward_passes(nn.Linear(3, 2), torch.randn(1, 3), "bfloat16")
    assert run(0).dtype == torch.bfloat16  # type: ignore[attr-defined]


def test_enough_calls_are_made() -> None:
    for images, batch, rounds in ((2000, 1, 10), (2000, 256, 10), (1, 7, 3), (100, 33, 2)):
        assert calls_in_turn(images, batch, rounds) * rounds * batch >= images
        assert (calls_in_turn(images, batch, rounds) - 1) * rounds * batch < images
    assert synchroniser("cpu")() is None
