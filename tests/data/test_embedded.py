"""Images that need no files."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from tests.helpers.configs import composed
from wee.commands.evaluate import EvaluateConfig
from wee.data.base import Transform
from wee.data.embedded.config import CONTENTS, EmbeddedConfig
from wee.data.embedded.images import AVAILABLE, DRAW, EmbeddedImages
from wee.data.samples import read_split
from wee.errors import WeeError


def images(content: str, **values: object) -> EmbeddedImages:
    split = read_split(EmbeddedConfig(name="e", content=content, **values), "test")  # type: ignore[arg-type]
    assert isinstance(split, EmbeddedImages)
    return split


@pytest.mark.parametrize("content", CONTENTS)
def test_an_image_is_the_same_whatever_else_is_chosen(content: str) -> None:
    few, many = images(content, count=20, size=16), images(content, count=200, size=16)
    assert set(few.ids) <= set(many.ids)
    place = many.ids.tolist().index(few.ids[7])
    assert (few.images[7] == many.images[place]).all()
    assert few.images.shape == (20, 3, 16, 16)
    assert len(np.unique(few.images.reshape(20, -1), axis=0)) == 20
    assert (few.images.std(axis=(1, 2, 3)) > 1).all()
    assert images(content, count=3, channels=1).images.shape == (3, 1, 32, 32)
    assert few.dataset(Transform(24, [0.5] * 3, [0.5] * 3))[0]["image"].shape[-3:] == (3, 24, 24)


def test_photographs_are_cut_without_overlap() -> None:
    split = images("photos")
    assert len(split) == AVAILABLE["photos"](32) == 520
    from sklearn.datasets import load_sample_images

    photo = np.asarray(load_sample_images().images[0])
    assert (np.asarray(split.as_image(21)) == photo[32:64, 32:64]).all()


def test_the_images_are_those_of_every_machine() -> None:
    assert tuple(DRAW) == CONTENTS
    digest = hashlib.sha256(images("noise", count=5, size=8).images.tobytes()).hexdigest()
    assert digest[:16] == "b55441774181224a"


def test_they_have_the_channels_of_the_id_data() -> None:
    cfg = composed("evaluate", "ood=[digits32,photos32,noise32]")
    assert isinstance(cfg, EvaluateConfig)
    assert [
        one.split("test").dataset(Transform(24, [0.0], [1.0]))[0]["image"].shape[-3] for one in cfg.ood.values()
    ] == [1] * 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"content": "photo"}, "did you mean 'photos'"),
        ({"size": 4}, "size is 4"),
        ({"count": 0}, "count is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"channels": 2}, "2 channels"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        EmbeddedConfig(**{"name": "e", "content": "noise", **values})  # type: ignore[arg-type]
