"""The splits of ID data, OOD sets and shifted test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wee.data.base import Split
from wee.data.config import DatasetConfig, LabelledConfig
from wee.data.kinds import DATA_KINDS, sample_identity
from wee.data.splits import TEST, VAL, Part, SplitName
from wee.errors import WeeError
from wee.identity import key_of


def evaluated_splits(
    dataset: LabelledConfig, ood: Mapping[str, DatasetConfig], shift: Mapping[str, DatasetConfig]
) -> dict[SplitName, Split]:
    """Return every split that trained members are evaluated on.

    Args:
        dataset: the ID data, resolved.
        ood: OOD sets, by name.
        shift: shifted test sets, by name.

    Raises:
        WeeError: files are missing, or samples do not suit their role.
    """
    splits = {name: read_split(dataset, name.part) for name in (VAL, TEST)}
    splits |= {SplitName.ood(name): read_split(other, "test").unlabelled() for name, other in ood.items()}
    splits |= {SplitName.shifted(name): shifted_split(other, dataset) for name, other in shift.items()}
    return splits


def read_split(dataset: DatasetConfig, part: Part) -> Split:
    """Return one part of a data set. The split of a plug-in is checked, and its identity is set.

    Raises:
        WeeError: the data set has no such part, its files are missing, or a plug-in returns an invalid split.
    """
    split = dataset.split(part)
    if dataset.kind not in DATA_KINDS:
        _check(split, dataset, part)
    if dataset.kind not in DATA_KINDS or dataset.derived_from() is not None:
        split.identity = sample_identity(dataset, part) or {}
    return split


def _check(split: object, dataset: DatasetConfig, part: Part) -> None:
    """Check the split that a plug-in returns.

    Raises:
        WeeError: it is not a `Split`, its arrays do not fit together, or its identity is not plain data.
    """
    what = f"the {part} split of data set {dataset.name} (kind {dataset.kind})"
    if not isinstance(split, Split):
        raise WeeError(f"{what} is a {type(split).__name__}: split(name) must return a wee.data.base.Split")
    shapes = {name: np.shape(getattr(split, name)) for name in ("labels", "ids", "groups")}
    if len(set(shapes.values())) > 1 or len(shapes["labels"]) != 1:
        raise WeeError(f"{what} has arrays of the shapes {shapes}: each must have one element for each sample")
    if len(np.unique(split.ids)) < len(split):
        raise WeeError(f"{what} has ids that are not unique: every sample needs a different id")
    if isinstance(dataset, LabelledConfig) and dataset.classes:
        split.check_classes(dataset.classes, dataset.name)
    try:
        key_of(sample_identity(dataset, part) or {})
    except (TypeError, ValueError) as error:
        raise WeeError(f"the identity of {what} is not plain data (dicts, lists, strings, numbers): {error}") from None


def shifted_split(shifted: DatasetConfig, dataset: LabelledConfig) -> Split:
    """Return the samples of a shifted test set, labelled with the class numbers of the ID data.

    Classes are matched by the names of their folders, so that a set may have only some of the classes (ImageNet-R and -A
    do). If the names are numbers and those of the ID data are not, they are the ID data's class numbers (ImageNet-V2).

    Args:
        shifted: the shifted test set.
        dataset: the ID data.

    Raises:
        WeeError: samples have no class, or a class that the ID data does not have.
    """
    split = read_split(shifted, "test")
    if (split.labels < 0).any():
        raise WeeError(
            f"shifted test set {shifted.name}: some of its images have no class; images of no class are an OOD set (ood=..)"
        )
    if split.classes:
        numbers = np.array(_class_numbers(shifted.name, split.classes, dataset), dtype=np.int64)
        split = split.relabelled(numbers[split.labels])
    if dataset.classes and len(split) and split.labels.max() >= dataset.classes:
        raise WeeError(
            f"shifted test set {shifted.name} has a class number {split.labels.max()}, but {dataset.name} has "
            f"{dataset.classes} classes, numbered from 0"
        )
    return split


def _class_numbers(name: str, classes: Sequence[str], dataset: LabelledConfig) -> list[int]:
    """Return the ID data's number of each class of a shifted test set."""
    numbers = {known: number for number, known in enumerate(dataset.class_names())}
    if set(classes) <= set(numbers):
        return [numbers[class_name] for class_name in classes]
    # If the ID data's class names are other numbers, it is unclear which numbers are meant.
    plain = not any(known.isdigit() for known in numbers) or list(numbers) == [str(k) for k in range(len(numbers))]
    if plain and all(class_name.isdigit() and int(class_name) < dataset.classes for class_name in classes):
        return [int(class_name) for class_name in classes]
    missing = next(class_name for class_name in classes if class_name not in numbers)
    raise WeeError(
        f"shifted test set {name}: {missing} is no class of {dataset.name} (which has {', '.join(list(numbers)[:4])}, ..); "
        "its class folders must have the same names as there, or be class numbers"
    )
