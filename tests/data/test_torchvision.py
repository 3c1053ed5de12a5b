"""CIFAR and SVHN as their authors give them, read through torchvision; here in small."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from wee.data.base import Transform
from wee.data.images.config import HeldOutConfig, ImagesConfig
from wee.errors import WeeError

datasets = pytest.importorskip("torchvision").datasets
PLAIN = Transform(32, [0.0] * 3, [1.0] * 3)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six training batches' worth of files: 5 x 4 training and 4 test images; the test images' pixels [4, 3, 32, 32]."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    lists: dict[str, list[list[str]]] = {"train_list": [], "test_list": []}
    for name in [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]:
        images = rng.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": images.reshape(4, -1), "labels": [0, 1, 2, 9]}))
        lists["test_list" if name == "test_batch" else "train_list"].append([name, md5(folder / name)])
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class{k}" for k in range(10)]}))
    for key, value in lists.items():
        monkeypatch.setattr(datasets.CIFAR10, key, value)
    meta = {**datasets.CIFAR10.meta, "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return images


def config(root: Path) -> ImagesConfig:
    places = {part: [part, f"torchvision:CIFAR10/{part}"] for part in ("train", "test")}
    return ImagesConfig(
        name="cifar10",
        root=str(root),
        **places,
        classes=10,
        validation=HeldOutConfig("train", 6),  # type: ignore[arg-type]
    )


def test_cifar_is_read_from_its_own_files(tmp_path: Path, pixels: np.ndarray) -> None:
    made = config(tmp_path)
    train, val, test = (made.split(name) for name in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (14, 6, 4)
    assert test.labels.tolist() == [0, 1, 2, 9]
    batch = test.dataset(PLAIN).__getitems__([0, 1, 2, 3])  # type: ignore[attr-defined]
    np.testing.assert_array_equal((batch["image"] * 255).round().numpy(), pixels)
    assert not set(train.ids) & set(val.ids)


def test_a_damaged_file_of_cifar_is_told(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeeError, match="the files of CIFAR10 in .* are not whole"):
        config(tmp_path).split("test")


def test_folders_go_before(tmp_path: Path, pixels: np.ndarray) -> None:
    from tests.helpers import trees

    trees.class_folders(tmp_path / "test", 2)
    assert len(config(tmp_path).split("test")) == 6


def test_svhn_is_read_from_its_own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 5), dtype=np.uint8)
    scipy.io.savemat(tmp_path / "test_32x32.mat", {"X": images, "y": np.array([[1], [2], [10], [3], [9]])})
    known = {"test": ["", "test_32x32.mat", md5(tmp_path / "test_32x32.mat")]}
    monkeypatch.setattr(datasets.SVHN, "split_list", known)
    split = ImagesConfig(name="svhn", root=str(tmp_path), test=["test", "torchvision:SVHN/test", "."]).split("test")
    assert split.labels.tolist() == [1, 2, 0, 3, 9]  # their zero is a ten
    batch = split.dataset(PLAIN).__getitems__([2])  # type: ignore[attr-defined]
    np.testing.assert_array_equal((batch["image"][0] * 255).round().numpy(), images[..., 2].transpose(2, 0, 1))
