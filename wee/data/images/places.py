"""Locations of image files on disk. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wee.errors import WeeError

TORCHVISION = {
    "torchvision:CIFAR10/train": "cifar-10-batches-py/data_batch_1",
    "torchvision:CIFAR10/test": "cifar-10-batches-py/test_batch",
    "torchvision:CIFAR100/train": "cifar-100-python/train",
    "torchvision:CIFAR100/test": "cifar-100-python/test",
    "torchvision:SVHN/train": "train_32x32.mat",
    "torchvision:SVHN/test": "test_32x32.mat",
}
"""Places that torchvision reads, each with one of the data set's files; the data exist if this file does."""


def find_place(dataset: str, root: str, places: Sequence[str]) -> Path:
    """Return the first place that exists.

    Args:
        dataset: the name of the data set, for messages.
        root: the folder of the data set.
        places: places below the root.

    Raises:
        WeeError: none of them exists.
    """
    files = [Path(root) / TORCHVISION.get(place, place) for place in places]
    for place, file in zip(places, files, strict=True):
        if file.exists():
            return Path(root) / place
    raise WeeError(
        f"data set {dataset}: none of these is there: {', '.join(map(str, files))}. Say where it lies: "
        "paths.data=FOLDER for all data, or dataset.root, ood.NAME.root or shift.NAME.root"
    )


def class_folders(root: str, places: Sequence[str]) -> list[str]:
    """Return the names of the class folders in the first place that has any, sorted; empty if none has."""
    for place in places:
        folder = Path(root) / place
        folders = [entry.name for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
        if names := sorted(name for name in folders if not name.startswith(".")):
            return names
    return []
