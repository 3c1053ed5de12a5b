"""Labelled test sets from another distribution: their images are of classes that the ID data has, under its numbers."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from wee.data.base import Split
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.images import ImageFiles
from wee.errors import WeeError


def shifted(config: DatasetConfig, dataset: LabelledConfig) -> Split:
    """The samples of a shifted test set, labelled as the ID data is.

    Class folders are known by their names, so that a set may have some of the classes alone (ImageNet-R and -A do); or, where
    the names are numbers and the ID data's are not, by those (ImageNet-V2).

    Args:
        config: of the set.
        dataset: the ID data.

    Raises:
        WeeError: images have no class, or one that the ID data does not have.
    """
    split = config.split("test")
    names = split.classes if isinstance(split, ImageFiles) else []
    if (split.labels < 0).any():
        raise WeeError(
            f"shifted test set {config.name}: some of its images have no class; images of no class are an OOD set (ood=..)"
        )
    if names:
        split = copy.copy(split)
        split.labels = np.array(_numbers(config.name, names, dataset), dtype=np.int64)[split.labels]
    if dataset.classes and len(split) and split.labels.max() >= dataset.classes:
        raise WeeError(
            f"shifted test set {config.name} has a class number {split.labels.max()}, but {dataset.name} has "
            f"{dataset.classes} classes, numbered from 0"
        )
    return split


def _numbers(name: str, classes: Sequence[str], dataset: LabelledConfig) -> list[int]:
    """The ID data's number of each class."""
    known = {own: number for number, own in enumerate(dataset.class_names())}
    if set(classes) <= set(known):
        return [known[one] for one in classes]
    # Where the ID data's own names are other numbers, nobody knows which are meant.
    plain = not any(one.isdigit() for one in known) or list(known) == [str(k) for k in range(len(known))]
    if plain and all(one.isdigit() and int(one) < dataset.classes for one in classes):
        return [int(one) for one in classes]
    strange = next(one for one in classes if one not in known)
    raise WeeError(
        f"shifted test set {name}: {strange} is no class of {dataset.name} (which has {', '.join(list(known)[:4])}, ..); "
        "its class folders must be called as there, or by their numbers"
    )
