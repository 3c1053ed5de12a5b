"""Samples written as image files: the same pixels, in class folders, or beside each other where they have no class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import trees
from tests.helpers.configs import composed
from wee.commands.data import DataConfig, run
from wee.data.base import ArraySplit, Split
from wee.data.images.listing import list_images
from wee.data.images.split import ImageFiles, ReadOptions
from wee.data.images.write import write_images
from wee.errors import WeeError


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_and_labels_are_read_back(channels: int, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(256, size=(12, channels, 9, 9), dtype=np.uint8)
    split = ArraySplit(images, np.arange(12) % 3, [f"digit-{k}.b" for k in range(12)])
    written: list[int] = []
    write_images(split, ["b", "a", "c"], tmp_path / "images", written.append)
    assert sum(written) == 12
    listing = list_images(tmp_path / "images")
    assert listing.classes == ["a", "b", "c"]
    assert listing.names[0] == "a/01-digit-1.png"
    read = ImageFiles({}, listing, ReadOptions(channels))
    for place, name in enumerate(listing.names):
        number = int(name[2:4])
        pixels = np.asarray(read.image(place)).reshape(9, 9, channels).transpose(2, 0, 1)
        assert (pixels == images[number]).all()
        assert listing.classes[read.labels[place]] == ["b", "a", "c"][number % 3]


def test_samples_without_a_class_lie_beside_each_other(tmp_path: Path) -> None:
    trees.plain_folder(tmp_path / "plain", 3)
    split = ImageFiles({}, list_images(tmp_path / "plain"), ReadOptions(3))
    write_images(split, [], tmp_path / "images")
    files = sorted((tmp_path / "images").iterdir())
    assert [file.suffix for file in files] == [".png"] * 3
    assert (np.asarray(Image.open(files[0])) == np.asarray(split.image(0))).all()


class Sounds(Split):
    """A split of a plug-in, of no images."""

    def __init__(self) -> None:
        self.labels, self.ids = np.zeros(2, dtype=np.int64), np.array([b"a", b"b"])

    def dataset(self, transform: Any) -> Any: ...


@pytest.mark.parametrize(
    ("split", "classes", "name", "message"),
    [
        (Sounds(), ["a"], "x", "the samples of Sounds are not images, and cannot be written"),
        (Sounds(), ["a/b"], "x", "the class name 'a/b' cannot be the name of a folder"),
        (ArraySplit(np.zeros((2, 2, 4, 4), np.uint8), [0, 0]), ["a"], "x", "these pixels have 2"),
        (Sounds(), ["a"], "there", "there exists: choose another folder"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(
    split: Split, classes: list[str], name: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(WeeError, match=message):
        write_images(split, classes, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


SMALL = (
    "dataset.base_images={train:2,val:2,test:3}", "dataset.draws={train:1,val:1,test:2}",
    "ood.digits_heldout.base_images.test=4", "ood.digits_heldout.draws.test=2",
)  # fmt: skip


@pytest.mark.parametrize(("split", "count"), [("test", 6), ("val", 2), ("ood-digits_heldout", 8)])
def test_splits_of_the_embedded_data(split: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cfg = composed("data", *SMALL, f"split={split}", "images=here/images")
    assert isinstance(cfg, DataConfig)
    run(cfg)
    files = list(Path("here/images").rglob("*.png"))
    assert len(files) == count
    assert {file.parent.name == "images" for file in files} == {"ood" in split}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("split=tset",), "there is no split 'tset'"),
        (("split=ood-photo",), "there is no split 'ood-photo'; did you mean 'ood-photos'"),
        (("images=.",), r"\. exists: give another images=FOLDER"),
    ],
)
def test_wrong_splits_and_folders_are_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(WeeError, match=message):
        composed("data", *overrides)
