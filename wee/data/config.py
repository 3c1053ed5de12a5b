"""Typed configs of the data sets. Imports no torch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import MISSING

from wee.app.fields import as_list
from wee.app.typed import to_objects
from wee.errors import WeeError, unknown

if TYPE_CHECKING:
    from wee.data.base import Split


TORCHVISION = {
    "torchvision:CIFAR10/train": "cifar-10-batches-py/data_batch_1",
    "torchvision:CIFAR10/test": "cifar-10-batches-py/test_batch",
    "torchvision:CIFAR100/train": "cifar-100-python/train",
    "torchvision:CIFAR100/test": "cifar-100-python/test",
    "torchvision:SVHN/train": "train_32x32.mat",
    "torchvision:SVHN/test": "test_32x32.mat",
}
"""Places that torchvision reads, each with a file by which it is known to be there: the data sets' own files."""

_VERSION = 1  # of the embedded drawing: raise it when the same config would give other images
_ORDER = ("train", "val", "test")  # in which originals are dealt out


@dataclass
class DatasetConfig:
    """Fields of every data set.

    Attributes:
        name: in the store, in tables and in messages.
        label: on figures; the name where it is empty.
        kind: which of `KINDS` it is.
    """

    name: str = MISSING
    label: str = ""
    kind: str = MISSING

    def split(self, name: str) -> Split:
        """One split of the data: "train", "val" or "test". Cheap: no image is read or drawn before it is asked for.

        Raises:
            WeeError: the data set has no such split.
        """
        raise NotImplementedError

    def identity(self, split: str) -> dict[str, Any] | None:
        """What fixes the samples of a split, as plain data, from the config alone; None where nobody knows.

        Raises:
            WeeError: the data set has no such split.
        """
        raise NotImplementedError


@dataclass
class LabelledConfig(DatasetConfig):
    """Fields of a data set with classes, on which members are trained.

    Attributes:
        classes: how many there are.
        channels: of an image.
        mean, std: pixel values are normalised by (x - mean) / std, with x in [0, 1]; one number or one a channel.
    """

    classes: int = MISSING
    channels: int = 3
    mean: Any = 0.5
    std: Any = 0.5

    def class_names(self) -> list[str]:
        """What classes are called, in the order of the labels; numbers where nobody says."""
        return [str(number) for number in range(self.classes)]


@dataclass
class CorruptionConfig:
    """How hard one draw of an image is made.

    Attributes:
        size: pixels of the square result.
        rotation: largest angle either way, in degrees.
        scale: smallest and largest magnification, drawn log-uniformly.
        shear: largest horizontal shear either way.
        shift: largest shift either way, in half-widths of the image.
        contrast: smallest and largest factor on pixel values.
        occluder: largest side of the grey square laid over the image, as a share of its width.
        noise: smallest and largest standard deviation of the Gaussian noise, one for an image.
    """

    size: int = 24
    rotation: float = 25.0
    scale: list[float] = field(default_factory=lambda: [0.75, 1.15])
    shear: float = 0.25
    shift: float = 0.2
    contrast: list[float] = field(default_factory=lambda: [0.5, 1.0])
    occluder: float = 0.45
    noise: list[float] = field(default_factory=lambda: [0.05, 0.35])

    def __post_init__(self) -> None:
        for name in ("scale", "contrast", "noise"):
            ends = getattr(self, name)
            if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
                raise WeeError(f"corruption.{name} is {ends}: give its smallest and its largest value, both positive")


@dataclass
class DigitsConfig(LabelledConfig):
    """Scanned digits (scikit-learn's `load_digits`), made hard by corruption.

    Attributes:
        digits: which of 0 to 9 there are; they become classes 0, 1, .. in this order.
        base_images: how many of the 8x8 originals go to each split; none is in two.
        draws: corrupted draws of each original, by split.
        seed: of the split and of the draws.
        corruption: how a draw is made.
    """

    kind: str = "digits"
    channels: int = 1
    classes: int = 0  # counted from the digits
    digits: list[int] = MISSING
    base_images: dict[str, int] = MISSING
    draws: dict[str, int] = MISSING
    seed: int = 0
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)

    def __post_init__(self) -> None:
        self.classes = len(self.digits)
        if not self.digits or not set(self.digits) <= set(range(10)):
            raise WeeError(f"digits are {self.digits}: choose one or more of 0 to 9")

    def class_names(self) -> list[str]:
        """The digits."""
        return [str(digit) for digit in self.digits]

    def dealt(self, split: str) -> tuple[int, int]:
        """Where a split's originals begin in the shuffled deck, and how many there are."""
        if split not in self.base_images or split not in self.draws:
            raise unknown("split", split, self.base_images, of=f"data set {self.name}")
        splits = sorted(
            self.base_images, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
        )
        return sum(self.base_images[one] for one in splits[: splits.index(split)]), self.base_images[split]

    def identity(self, split: str) -> dict[str, Any]:
        """What fixes the samples of a split."""
        parts = {"kind": self.kind, "digits": self.digits, "split": split, "dealt": list(self.dealt(split))}
        drawing = {"draws": self.draws[split], "seed": self.seed, "corruption": asdict(self.corruption)}
        return {**parts, **drawing, "version": _VERSION}

    def split(self, name: str) -> Split:
        """One split; drawn when its images are asked for."""
        from wee.data.digits import digits

        return digits(self, name)


@dataclass
class PhotosConfig(DatasetConfig):
    """Grey patches of scikit-learn's two sample photographs, under the same corruption as the digits.

    A group is one region of a photograph (320 of them at the default size), but only the two photographs are independent.
    Bootstrap intervals over these groups cover the choice of regions and not that of photographs, so they are too narrow.

    Attributes:
        region: side in pixels of the square regions that the photographs are cut into.
        draws: corrupted draws of each region.
        seed: of the draws.
        corruption: how a draw is made.
    """

    kind: str = "photos"
    region: int = 40
    draws: int = 32
    seed: int = 0
    corruption: CorruptionConfig = field(default_factory=CorruptionConfig)

    def identity(self, split: str) -> dict[str, Any]:
        """What fixes the samples of the test split; there is no other."""
        if split != "test":
            raise unknown("split", split, ["test"], of=f"data set {self.name}")
        drawing = {"region": self.region, "draws": self.draws, "seed": self.seed, "corruption": asdict(self.corruption)}
        return {"kind": self.kind, "split": split, **drawing, "version": _VERSION}

    def split(self, name: str) -> Split:
        """The test split; there is no other."""
        from wee.data.digits import photos

        return photos(self, name)


@dataclass
class StoredConfig(LabelledConfig):
    """A data set that is known by its logits in the store alone.

    Attributes:
        ood, shift: which OOD sets and shifted test sets in the store to use: one, a list, "all", or an empty list.
    """

    kind: str = "stored"
    classes: int = 0
    ood: Any = "all"
    shift: Any = "all"

    def identity(self, split: str) -> None:
        """Unknown."""

    def split(self, name: str) -> Split:
        """There is none.

        Raises:
            WeeError: always.
        """
        raise WeeError(f"of data set {self.name} there are logits in the store, but no images")


@dataclass
class ValidationConfig:
    """Where held-out samples come from, on which thresholds and windows are set.

    Attributes:
        source: "train" or "test": `count` images drawn from there, and taken out of it; else a place of their own.
        count: how many.
        seed: of the draw: the same images for every member.
    """

    source: str = "train"
    count: int = 0
    seed: int = 0


@dataclass
class ImagesConfig(LabelledConfig):
    """Image files on disk.

    Attributes:
        root: folder of the data set.
        train, test: places below it, each a folder of class folders, a plain folder, a folder of tar shards, a file list, or
            one of `TORCHVISION`; of a list of places, the first that is there.
        validation: where held-out samples come from.
        classes: how many; 0 to count the class folders.
        channels: 3 for colour, 1 for grey.
        group: a pattern with one (group): what it finds in an image's path is what the image depends on with others, for
            instance the photograph it was cut from; empty where images are independent.
        memory: whether images are kept in memory: true, false, or "auto": where they are small.
    """

    kind: str = "images"
    root: str = MISSING
    train: Any = "train"
    test: Any = field(default_factory=lambda: ["test", "val", "validation"])
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    classes: int = 0
    group: str = ""
    memory: Any = "auto"

    def __post_init__(self) -> None:
        if self.memory not in (True, False, "auto"):
            raise unknown("value of memory", self.memory, ["true", "false", "auto"], of=f"data set {self.name}")
        if self.channels not in (1, 3):
            raise WeeError(f"data set {self.name} has {self.channels} channels: images have 3 (colour) or 1 (grey)")
        if self.group and re.compile(self.group).groups != 1:
            raise WeeError(f"{self.name}.group is {self.group}: it must have exactly one (group) in it")
        if not self.classes:
            self.classes = len(self._class_folders())

    def find(self, split: str) -> Path:
        """Where a split lies.

        Raises:
            WeeError: none of its places is there.
        """
        return self.place(as_list(getattr(self, split)))

    def place(self, names: Sequence[str]) -> Path:
        """The first of some places that is there.

        Raises:
            WeeError: none is.
        """
        for name in names:
            if (Path(self.root) / TORCHVISION.get(name, name)).exists():
                return Path(self.root) / name
        looked = ", ".join(str(Path(self.root) / TORCHVISION.get(name, name)) for name in names)
        raise WeeError(
            f"data set {self.name}: none of these is there: {looked}. Say where it lies: "
            "paths.data=FOLDER for all data, or dataset.root, ood.NAME.root or shift.NAME.root"
        )

    def identity(self, split: str) -> dict[str, Any]:
        """What fixes the samples of a split, but for the files themselves: those have a fingerprint of their own."""
        if split not in _ORDER:
            raise unknown("split", split, _ORDER, of=f"data set {self.name}")
        held_out = self.validation
        cut = held_out.source if held_out.source in ("train", "test") else None
        parts: dict[str, Any] = {"kind": self.kind, "split": split}
        if split == "val" or split == cut:
            parts |= {"validation": asdict(held_out)}
        return parts

    def split(self, name: str) -> Split:
        """One split; its images are read when they are asked for."""
        from wee.data.images import images

        return images(self, name)

    def class_names(self) -> list[str]:
        """The names of the class folders, or of those in tar shards, or torchvision's; else numbers."""
        return self._class_folders() or self._listed_classes() or super().class_names()

    def _listed_classes(self) -> list[str]:
        from wee.data.images import list_images

        try:
            return list_images(self.find("test")).classes
        except WeeError:
            return []

    def _class_folders(self) -> list[str]:
        for name in [*as_list(self.train), *as_list(self.test)]:
            folder = Path(self.root) / name
            found = [one.name for one in folder.iterdir() if one.is_dir()] if folder.is_dir() else []
            if found := sorted(name for name in found if not name.startswith(".")):
                return found
        return []


@dataclass
class ShiftedConfig(ImagesConfig):
    """Images of the ID data's classes from another distribution; or many such sets, of which each is a choice of words.

    Attributes:
        vary: the words: lists by name. Where `root` or `test` has {name} in it, there is a set for each of its words (and
            each combination of several), called NAME-WORD.
    """

    kind: str = "shifted"
    vary: dict[str, Any] = field(default_factory=dict)

    def each(self) -> dict[str, ShiftedConfig]:
        """The sets, by what tells them apart.

        Raises:
            WeeError: a word has no place in `root` or `test`.
        """
        found = {}
        for name in self.vary:
            if not any(f"{{{name}}}" in str(place) for place in [self.root, *as_list(self.test)]):
                raise WeeError(f"shift {self.name}.vary has {name}, but neither root nor test has {{{name}}} in it")
        for words in itertools.product(*(as_list(words) for words in self.vary.values())):
            chosen = {f"{{{name}}}": str(word) for name, word in zip(self.vary, words, strict=True)}
            places = [_filled(str(place), chosen) for place in as_list(self.test)]
            own = replace(self, root=_filled(self.root, chosen), test=places, vary={})
            found["-".join(map(str, words))] = own
        return found


def _filled(text: str, words: Mapping[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(name, word)
    return text


KINDS: dict[str, type[DatasetConfig]] = {
    "digits": DigitsConfig,
    "photos": PhotosConfig,
    "images": ImagesConfig,
    "shifted": ShiftedConfig,
    "stored": StoredConfig,
}
"""Every kind of data set, by the name that its config gives as `kind`."""


def labelled(config: Any, where: str = "dataset") -> LabelledConfig:
    """A data set with classes, from its composed config.

    Raises:
        WeeError: the config does not fit its kind, or the kind has no classes.
    """
    found = to_objects(KINDS, config, where)
    if not isinstance(found, LabelledConfig):
        raise WeeError(
            f"{where} {found.name} has no classes to learn; its kind, {found.kind}, serves as an OOD set alone"
        )
    return found


def ood_sets(config: Any) -> dict[str, DatasetConfig]:
    """The OOD sets of a composed config, by name.

    Raises:
        WeeError: a config does not fit its kind.
    """
    return {str(name): to_objects(KINDS, config[name], f"ood.{name}") for name in config or {}}


def shifted_sets(config: Any, dataset: LabelledConfig) -> dict[str, DatasetConfig]:
    """The labelled shifted test sets of a composed config, by name.

    Args:
        config: as composed.
        dataset: the ID data, whose classes they have.

    Raises:
        WeeError: a config does not fit its kind.
    """
    found: dict[str, DatasetConfig] = {}
    for name in config or {}:
        one = to_objects(KINDS, config[name], f"shift.{name}")
        if isinstance(one, StoredConfig):
            found[str(name)] = one
        elif isinstance(one, ShiftedConfig):
            one.channels, one.classes = dataset.channels, dataset.classes
            found |= {"-".join(filter(None, (str(name), words))): own for words, own in one.each().items()}
        else:
            raise WeeError(f"shift.{name}.kind is {one.kind}: shifted test sets are of the kind shifted")
    return found


def mean_and_std(config: LabelledConfig) -> tuple[list[float], list[float]]:
    """The normalisation of a data set, one number a channel."""
    both = []
    for name in ("mean", "std"):
        values = [float(value) for value in as_list(getattr(config, name))]
        values = values * config.channels if len(values) == 1 else values
        if len(values) != config.channels:
            raise WeeError(f"dataset.{name} has {len(values)} numbers for {config.channels} channels")
        both.append(values)
    return both[0], both[1]
