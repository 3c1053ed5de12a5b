"""Image files in every layout: found, numbered, cut, read, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import trees
from wee.data.base import Transform
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.data.images.listing import list_images
from wee.errors import WeeError
from wee.method import NO_LABEL

TRANSFORM = Transform(12, [0.5] * 3, [0.25] * 3, "bicubic", 0.75)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    trees.class_folders(tmp_path / "train", 10)
    trees.class_folders(tmp_path / "val", 4)
    return tmp_path


def config(root: Path, **changes: object) -> ImagesConfig:
    return ImagesConfig(name="toy", root=str(root), **{"validation": HeldOutConfig("train", 6), **changes})  # type: ignore[arg-type]


def test_validation_is_cut_once_from_training(root: Path) -> None:
    splits = {name: config(root).split(name) for name in ("train", "val", "test")}
    assert {name: len(split) for name, split in splits.items()} == {"train": 24, "val": 6, "test": 12}
    assert not set(splits["train"].ids) & set(splits["val"].ids)
    assert splits["val"].ids.tolist() == config(root).split("val").ids.tolist()
    assert splits["val"].ids.tolist() != config(root, validation=HeldOutConfig("train", 6, 1)).split("val").ids.tolist()
    assert config(root).resolve().classes == 3
    for split in splits.values():
        assert [trees.CLASSES[label].encode() for label in split.labels] == [name.split(b"/")[0] for name in split.ids]


def test_validation_may_come_from_the_test_set_or_a_place_of_its_own(root: Path) -> None:
    from_test = config(root, validation=HeldOutConfig("test", 5))
    assert [len(from_test.split(name)) for name in ("train", "val", "test")] == [30, 5, 7]
    own = config(root, test="train", validation=HeldOutConfig("val"))
    assert [len(own.split(name)) for name in ("train", "val", "test")] == [30, 12, 30]
    with pytest.raises(WeeError, match="has 30 images"):
        config(root, validation=HeldOutConfig("train", 30)).split("val")


def test_other_files_have_another_fingerprint(root: Path) -> None:
    before = config(root).split("test").files
    assert before == config(root).split("test").files
    trees.picture(5, 1, 24).save(root / "val" / "ant" / "000.png")
    assert config(root).split("test").files != before
    assert config(root).split("test").identity == config(root).split("test").identity


def test_memory_makes_no_difference(root: Path) -> None:
    kept, read = (config(root, memory=memory).split("test").dataset(TRANSFORM) for memory in (True, False))
    for k in (0, 5, 11):
        one, other = kept[k], read[k]
        assert torch.equal(one["image"][0], other["image"][0] if other["image"].ndim == 4 else other["image"])
        assert int(one["label"]) == int(other["label"])
        assert int(one["index"]) == int(other["index"]) == k


def test_pixels_are_resized_cropped_and_normalised(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Image.new("RGB", (40, 20), (255, 0, 128)).save(tmp_path / "one" / "a.png")
    split = ImagesConfig(name="x", root=str(tmp_path), test="one", classes=3).split("test")
    assert split.labels.tolist() == [NO_LABEL]
    image = split.dataset(TRANSFORM)[0]["image"].reshape(3, 12, 12)
    expected = (torch.tensor([255.0, 0.0, 128.0]) / 255 - 0.5) / 0.25
    assert torch.allclose(image, expected.view(3, 1, 1).expand(3, 12, 12))


def test_a_plain_folder_has_groups_and_no_classes(tmp_path: Path) -> None:
    trees.plain_folder(tmp_path / "objects", 8)
    split = ImagesConfig(name="o", root=str(tmp_path), test="objects", classes=3, group=r"^(\w+)-").split("test")
    assert set(split.labels.tolist()) == {NO_LABEL}
    assert split.groups.tolist() == [b"thing00"] * 4 + [b"thing01"] * 4
    with pytest.raises(WeeError, match="finds nothing in thing00-0.png"):
        ImagesConfig(name="o", root=str(tmp_path), test="objects", classes=3, group=r"(\d\d\d)").split("test")
    with pytest.raises(WeeError, match=r"exactly one \(group\)"):
        ImagesConfig(name="o", root=str(tmp_path), classes=3, group="x")


def test_a_file_list(root: Path) -> None:
    (root / "list.txt").write_text("val/bee/001.png 1\nval/cow/000.png\n\n")
    listing = list_images(root / "list.txt")
    assert listing.names == ["val/bee/001.png", "val/cow/000.png"]
    assert listing.labels.tolist() == [1, NO_LABEL]
    (root / "list.txt").write_text("val/bee/001.png 1\nval/bee/999.png 1\n")
    with pytest.raises(WeeError, match=r"line 2: there is no file .*999.png"):
        list_images(root / "list.txt")


def test_tar_shards_hold_the_same_images(tmp_path: Path) -> None:
    trees.shards(tmp_path / "packed" / "test", 4)
    trees.class_folders(tmp_path / "loose" / "test", 4)
    packed, loose = (
        ImagesConfig(name="t", root=str(tmp_path / one), classes=3).split("test") for one in ("packed", "loose")
    )
    assert packed.labels.tolist() == loose.labels.tolist()
    for k in (0, 7):
        assert torch.equal(packed.dataset(TRANSFORM)[k]["image"], loose.dataset(TRANSFORM)[k]["image"])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        WeeError, match=r"none of these is there: .*test, .*val, .*validation. Say where it lies: paths.data="
    ):
        config(tmp_path).split("test")
    (tmp_path / "test").mkdir()
    with pytest.raises(WeeError, match="there are no images in"):
        config(tmp_path).split("test")
    (tmp_path / "test" / "ant").mkdir()
    (tmp_path / "test" / "ant" / "0.png").write_bytes(b"no picture")
    with pytest.raises(WeeError, match=r"ant/0.png cannot be read"):
        config(tmp_path, classes=3).split("test").dataset(TRANSFORM)


def test_grey_images(root: Path) -> None:
    image = config(root, channels=1).split("test").dataset(Transform(16, [0.5], [0.5]))[0]["image"]
    assert image.shape[-3:] == (1, 16, 16)
    assert np.isfinite(image.numpy()).all()


def test_classes_are_counted_in_the_place_and_not_in_a_cut_of_it(root: Path) -> None:
    """Two validation images cannot be of three classes."""
    cut = config(root, validation=HeldOutConfig("test", 2)).split("val")
    assert len(np.unique(cut.labels)) < 3
    cut.check_classes(3, "toy")
    with pytest.raises(
        WeeError, match=r"val has 3 classes, but toy.classes is 4: a class folder is missing, or there is one"
    ):
        cut.check_classes(4, "toy")
    (root / "val" / "dog").mkdir()
    split = config(root).split("test")
    with pytest.raises(WeeError, match=r"val has no images of 1 of its classes: dog"):
        split.check_classes(4, "toy")


def test_class_numbers_in_a_file_list_are_checked(root: Path) -> None:
    (root / "list.txt").write_text("val/ant/001.png 0\nval/cow/000.png 2\n")
    split = config(root, test="list.txt").split("test")
    split.check_classes(3, "toy")  # a list need not have all of the classes
    with pytest.raises(
        WeeError, match=r"list.txt has the class number 2, but toy.classes is 2: class numbers lie in 0\.\.1"
    ):
        split.check_classes(2, "toy")
