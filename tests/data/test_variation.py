"""Augmentation: fixed by (seed, epoch, sample), and what it says it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import trees
from wee.data.augment import Augment
from wee.data.base import ArrayImages, Split, Transform
from wee.data.digits.config import DigitsConfig
from wee.data.draws.config import PerturbationConfig
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.data.variation import ShiftedImages, crop_box, varied
from wee.errors import WeeError
from wee.lit.loaders import training_loader
from wee.members.trainer import TrainerConfig
from wee.method.draws import uniform

TRANSFORM = Transform(16, [0.0] * 3, [1.0] * 3)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    root = tmp_path_factory.mktemp("images")
    trees.class_folders(root / "train", 12)
    return ImagesConfig(name="t", root=str(root), validation=HeldOutConfig("train", 6)).split("train")


@pytest.mark.parametrize("kind", ["shift", "crop"])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_is_the_same_whenever_it_is_run(split: Split, kind: str, workers: int) -> None:
    config = TrainerConfig("t", steps=12, batch_size=10, lr=0.1)

    def epoch(number: int) -> list[torch.Tensor]:
        images = varied(split, TRANSFORM, Augment(kind), 3)
        loader = training_loader(images, config, 3, workers, first=3 * number)
        batches = [batch for _, batch in zip(range(3), loader, strict=False)]
        return [torch.cat([batch["image"].flatten(1), batch["label"][:, None]], 1) for batch in batches]

    torch.manual_seed(1)
    before = epoch(2)
    torch.manual_seed(2)
    for one, other in zip(before, epoch(2), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(before[0], epoch(3)[0])


def test_a_shift_is_a_shift_and_sometimes_a_flip() -> None:
    rng = np.random.default_rng(0)
    images = ArrayImages(
        rng.integers(1, 256, (1, 3, 8, 8), dtype=np.uint8), np.zeros(1, dtype=np.int64), Transform(8, [0.0], [1.0])
    )
    shifted = ShiftedImages(images, 0, 2)
    padded = torch.nn.functional.pad(images.pixels[0].float() / 255, (2, 2, 2, 2))
    possible = {}
    for down in range(5):
        for right in range(5):
            window = padded[:, down : down + 8, right : right + 8]
            possible[window.numpy().tobytes()] = (down, right, False)
            possible[window.flip(-1).contiguous().numpy().tobytes()] = (down, right, True)
    seen = [possible[image.contiguous().numpy().tobytes()] for image in shifted.__getitems__(list(range(400)))["image"]]
    assert len(set(seen)) > 45
    assert 150 < sum(flipped for _, _, flipped in seen) < 250


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 2**40))
def test_a_crop_lies_in_the_image(width: int, height: int, seed: int) -> None:
    left, upper, right, lower = crop_box(width, height, uniform(seed, np.array([0]), np.array([0]), 40)[0])
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height


def test_draws_are_uniform_and_independent() -> None:
    drawn = uniform(7, np.repeat(np.arange(20), 500), np.tile(np.arange(500), 20), 3)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, bins=10, range=(0, 1))[0]
    assert ((counts - 3000) ** 2 / 3000).sum() < 30
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05
    assert (uniform(8, np.array([0]), np.array([0]), 3) != drawn[:1]).all()


def test_what_cannot_be_varied_is_said(split: Split) -> None:
    digits = DigitsConfig(
        name="d", digits=[0, 1], base_images={"test": 4}, draws={"test": 2}, corruption=PerturbationConfig()
    )
    with pytest.raises(WeeError, match="trainer.augment.kind=crop is not for these images"):
        varied(digits.split("test"), Transform(24, [0.5], [0.5]), Augment("crop"), 0)
    with pytest.raises(WeeError, match="none, shift, crop"):
        Augment("blur")
