"""The ID data's own test images, corrupted when they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.configs import composed
from wee.commands.evaluate import EvaluateConfig
from wee.data.base import Split, Transform
from wee.data.corrupted.config import NAMES, CorruptedConfig
from wee.data.corrupted.corruptions import CORRUPTIONS, corrupted
from wee.data.corrupted.split import choose
from wee.data.embedded.config import EmbeddedConfig
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.data.kinds import sample_identity
from wee.data.roles import shifted_sets
from wee.data.samples import read_split, shifted_split
from wee.errors import WeeError
from wee.identity import key_of


def picture(side: int = 32, seed: int = 0) -> Image.Image:
    """A colour picture with edges and gradients."""
    across, down = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    square = (abs(across - 0.5) < 0.25) & (abs(down - 0.4) < 0.2)
    pixels = np.stack([across, down, square], -1) * 200 + 20 * np.random.RandomState(seed).random_sample(
        (side, side, 1)
    )
    return Image.fromarray(pixels.astype(np.uint8))


def difference(image: Image.Image, other: Image.Image) -> float:
    """The root mean squared difference of two images, in [0, 1]."""
    first, second = (np.asarray(shown, dtype=np.float64) / 255 for shown in (image, other))
    return float(np.sqrt(((first - second) ** 2).mean()))


def test_the_config_names_every_corruption() -> None:
    assert tuple(CORRUPTIONS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_severities_grow_and_sizes_and_modes_stay(name: str) -> None:
    photos = read_split(EmbeddedConfig(name="photos", content="photos", count=40), "test")
    images = [photos.as_image(place) for place in range(len(photos))]
    changes = []
    for severity in range(1, 6):
        changed = [corrupted(image, name, severity, [k]) for k, image in enumerate(images)]
        changes.append(np.mean([difference(*pair) for pair in zip(images, changed, strict=True)]))
    assert changes == sorted(changes)
    assert changes[0] > 0.002
    grey = picture(24).convert("L")
    result = corrupted(grey, name, 3, [0])
    assert (result.size, result.mode) == (grey.size, "L")


@pytest.mark.parametrize("name", NAMES)
def test_a_corruption_depends_on_its_seed_alone(name: str) -> None:
    once, again = (np.asarray(corrupted(picture(), name, 3, [1, 2])) for _ in range(2))
    assert (once == again).all()


def folder(root: Path) -> ImagesConfig:
    """A data set of three classes with six test images each."""
    for part, count in (("train", 4), ("test", 6)):
        for label in "abc":
            for k in range(count):
                path = root / part / label / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture(16, seed=ord(label) + 10 * k).save(path)
    held_out = HeldOutConfig(count=3)
    return ImagesConfig(name="pictures", root=str(root), classes=3, validation=held_out, channels=3)


def sets(dataset: ImagesConfig, **values: object) -> dict[str, Split]:
    config = {"name": "corrupted", "kind": "corrupted", **values}
    configs = shifted_sets({"corrupted": config}, dataset)
    return {name: shifted_split(one, dataset) for name, one in configs.items()}


def test_there_is_a_set_for_each_corruption_and_severity(tmp_path: Path) -> None:
    splits = sets(folder(tmp_path), corruption=["fog", "jpeg"], severity=[1, 4], per_class=2)
    assert list(splits) == ["corrupted-fog-1", "corrupted-fog-4", "corrupted-jpeg-1", "corrupted-jpeg-4"]
    first = splits["corrupted-fog-1"]
    assert np.bincount(first.labels).tolist() == [2, 2, 2]
    for split in splits.values():
        assert (split.ids == first.ids).all()
        assert (split.groups == first.groups).all()
    keys = {key_of(split.identity) for split in splits.values()}
    assert len(keys) == 4


def test_an_image_is_corrupted_alike_whatever_else_is_chosen(tmp_path: Path) -> None:
    few = sets(folder(tmp_path), corruption="gaussian_noise", severity=3, per_class=1)["corrupted-gaussian_noise-3"]
    all_images = sets(folder(tmp_path), corruption="gaussian_noise", severity=3)["corrupted-gaussian_noise-3"]
    place = all_images.ids.tolist().index(few.ids[1])
    assert (np.asarray(few.as_image(1)) == np.asarray(all_images.as_image(place))).all()
    transform = Transform(12, [0.5] * 3, [0.5] * 3)
    assert (few.dataset(transform)[1]["image"] == all_images.dataset(transform)[place]["image"]).all()
    original = read_split(folder(tmp_path), "test")
    assert difference(original.as_image(place), few.as_image(1)) > 0.02


def test_the_identity_names_the_originals(tmp_path: Path) -> None:
    dataset = folder(tmp_path)
    config = shifted_sets({"c": {"name": "c", "kind": "corrupted", "corruption": "fog", "severity": 1}}, dataset)[
        "c-fog-1"
    ]
    identity = sample_identity(config, "test")
    assert identity is not None
    assert identity["of"] == dataset.identity("test")
    assert read_split(config, "test").identity == identity


def test_digits_can_be_corrupted_too() -> None:
    cfg = composed("evaluate", "shift=corrupted", "shift.corrupted.corruption=[jpeg]", "shift.corrupted.severity=2")
    assert isinstance(cfg, EvaluateConfig)
    split = shifted_split(cfg.shift["corrupted-jpeg-2"], cfg.dataset)
    original = read_split(cfg.dataset, "test")
    assert (split.labels == original.labels).all()
    batch = split.dataset(Transform(24, [0.0], [1.0]))[0]
    assert batch["image"].shape == (1, 24, 24) or batch["image"].shape == (1, 1, 24, 24)


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    for values, message in (
        ({"corruption": "fogg"}, "did you mean 'fog'"),
        ({"corruption": []}, r"\.corruption is an empty list"),
        ({"severity": 6}, "severities are the numbers 1 to 5"),
        ({"severity": []}, r"\.severity is an empty list"),
        ({"severity": True}, r"\.severity is True: severities are the numbers 1 to 5"),
        ({"severity": [1, 2.0]}, r"\.severity is 2.0: severities are the numbers 1 to 5"),
        ({"per_class": 0}, "per_class is 0"),
        ({"seed": -1}, "seed is -1"),
    ):
        with pytest.raises(WeeError, match=message):
            sets(folder(tmp_path), **values)
    with pytest.raises(WeeError, match="per_class is 7, but class 0 has 6 test images"):
        sets(folder(tmp_path), corruption="fog", severity=1, per_class=7)
    with pytest.raises(WeeError, match="no images of its own"):
        CorruptedConfig(name="c", corruption="fog", severity=1).split("test")


def test_the_choice_of_images_is_balanced_and_seeded() -> None:
    labels = np.repeat([0, 1, 2], [5, 9, 7])
    chosen = choose(labels, 4, 0, "c.per_class")
    assert np.bincount(labels[chosen]).tolist() == [4, 4, 4]
    assert (chosen == choose(labels, 4, 0, "c.per_class")).all()
    assert (chosen != choose(labels, 4, 1, "c.per_class")).any()
    assert choose(labels, None, 0, "c.per_class").tolist() == list(range(21))
