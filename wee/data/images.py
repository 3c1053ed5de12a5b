"""Image files: folders of classes, plain folders, file lists, tar shards; read one by one, or kept in memory where small.

Images are resized and cropped by timm's evaluation transform, as 8-bit pixels, and normalised afterwards; so it makes no
difference to a number whether they are read each time or kept in memory.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch.utils.data import Dataset

from wee.data.augment import Augment
from wee.data.base import ArrayImages, Batch, Split, Transform
from wee.data.config import TORCHVISION, ImagesConfig
from wee.errors import WeeError
from wee.method.summaries import NO_LABEL

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
"""What counts as an image."""

MEMORY_BYTES = 2**30
"""Splits are kept in memory where their transformed pixels are no more than this."""


@dataclass(frozen=True)
class Listing:
    """The images in one place.

    Attributes:
        place: where they are.
        names: of each image, as paths below the place.
        labels: class of each, `NO_LABEL` where there is none.
        classes: their names, in the order of the labels; empty where there are none, or only numbers.
        sizes: of the files in bytes.
        read: gives the bytes of one, or the image.
    """

    place: Path
    names: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    sizes: list[int]
    read: Callable[[int], bytes | Image.Image]

    @cached_property
    def fingerprint(self) -> str:
        """Of names, labels and sizes."""
        digest = hashlib.sha256()
        for name, label, size in zip(self.names, self.labels.tolist(), self.sizes, strict=True):
            digest.update(f"{name}\0{label}\0{size}\n".encode())
        return digest.hexdigest()[:16]

    @property
    def empty_classes(self) -> list[str]:
        """The names of the classes that have no image."""
        return [self.classes[label] for label in np.setdiff1d(np.arange(len(self.classes)), self.labels)]


def list_images(place: Path) -> Listing:
    """The images in a folder of class folders, a plain folder, a file list, or a folder of tar shards.

    Classes are numbered in the order of their names. A file list has a line for each image: a path relative to the list's
    own folder, and a class number if it has one.

    Raises:
        WeeError: there is no such place, or no image in it.
    """
    if f"{place.parent.name}/{place.name}" in TORCHVISION:
        listing = _list_torchvision(place)
    elif place.is_file():
        listing = _list_file(place)
    elif not place.is_dir():
        raise WeeError(
            f"there is no {place}: it should be a folder of images, of class folders or of tar shards, or a list"
        )
    elif any(one.suffix == ".tar" for one in place.iterdir()):
        listing = _list_shards(place)
    else:
        listing = _list_folder(place)
    if not listing.names:
        raise WeeError(f"there are no images in {place} (of the kinds {', '.join(EXTENSIONS)})")
    return listing


def _list_folder(place: Path) -> Listing:
    classes = sorted(entry.name for entry in os.scandir(place) if entry.is_dir() and not entry.name.startswith("."))
    found: list[tuple[str, int, int]] = []
    for label, name in enumerate(classes):
        found += [(path, label, size) for path, size in _walk(place / name, f"{name}/")]
    if not found:
        classes = []
        found = [(path, NO_LABEL, size) for path, size in _walk(place, "")]
    names = [name for name, _, _ in found]
    labels = np.array([label for _, label, _ in found], dtype=np.int64)
    return Listing(
        place, names, labels, classes, [size for _, _, size in found], lambda i: (place / names[i]).read_bytes()
    )


def _walk(folder: Path, prefix: str) -> list[tuple[str, int]]:
    found = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            found += _walk(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.name.lower().endswith(EXTENSIONS):
            found.append((prefix + entry.name, entry.stat().st_size))
    return sorted(found)


def _list_file(place: Path) -> Listing:
    names, labels = [], []
    for number, line in enumerate(place.read_text().splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        if not name or not re.fullmatch(r"-?\d+", label):
            name, label = line.strip(), str(NO_LABEL)
        if not (place.parent / name).is_file():
            raise WeeError(f"{place}, line {number}: there is no file {place.parent / name}")
        names.append(name)
        labels.append(int(label))
    sizes = [(place.parent / name).stat().st_size for name in names]
    return Listing(
        place, names, np.array(labels, dtype=np.int64), [], sizes, lambda i: (place.parent / names[i]).read_bytes()
    )


def _list_shards(place: Path) -> Listing:
    """Through timm's reader of tar files: a file for each class, or files with class folders in them."""
    from timm.data.readers.reader_image_in_tar import ReaderImageInTar

    # No cache of open files: processes that load data must not share one's position.
    reader: Any = ReaderImageInTar(str(place), cache_tarfiles=False, cache_tarinfo=False)  # type: ignore[no-untyped-call]
    classes = sorted(reader.class_name_to_idx)
    own = [reader.class_idx_to_name[label] for label in reader.targets]
    named = [f"{label}/{reader.filename(i, basename=True)}" for i, label in enumerate(own)]
    order = sorted(range(len(named)), key=lambda i: named[i])  # timm's own order is that of the folder's listing
    names = [named[i] for i in order]
    if len(set(names)) < len(names):
        raise WeeError(
            f"some images of one class in the shards in {place} have the same name; a name must tell them apart"
        )
    labels = np.array([classes.index(own[i]) for i in order], dtype=np.int64)
    sizes = [int(reader.samples[i][0].size) for i in order]

    def read(index: int) -> bytes:
        content: bytes = reader[order[index]][0].read()
        return content

    return Listing(place, names, labels, classes, sizes, read)


def _list_torchvision(place: Path) -> Listing:
    """The files of CIFAR and SVHN as their authors give them, which torchvision reads and checks."""
    import torchvision  # type: ignore[import-untyped]

    name, part = place.parent.name.partition(":")[2], place.name
    root = place.parents[1]
    how: dict[str, Any] = {"split": part} if name == "SVHN" else {"train": part == "train"}
    try:
        found = getattr(torchvision.datasets, name)(str(root), **how)
    except (RuntimeError, OSError) as error:
        raise WeeError(f"the files of {name} in {root} are not whole: {error}") from None
    labels = np.asarray(found.labels if name == "SVHN" else found.targets, dtype=np.int64)
    names = [f"{part}-{k:05d}" for k in range(len(labels))]
    # Files of fixed content: torchvision has compared their checksums.
    return Listing(place, names, labels, list(getattr(found, "classes", [])), [0] * len(names), lambda k: found[k][0])


def open_image(listing: Listing, index: int) -> Image.Image:
    """One image, read whole.

    Raises:
        WeeError: it cannot be read.
    """
    content = listing.read(index)
    if isinstance(content, Image.Image):
        return content
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except (UnidentifiedImageError, OSError) as error:
        raise WeeError(
            f"the image {listing.place / listing.names[index]} cannot be read: {str(error).partition(' <')[0]}"
        ) from None
    return image


class ImageFiles(Split):
    """Some of the images in one place.

    Args:
        identity: what fixes the samples, from the config.
        listing: the place.
        chosen: which of its images, ascending.
        config: of the data set.
    """

    def __init__(
        self, identity: dict[str, Any], listing: Listing, chosen: NDArray[np.int64], config: ImagesConfig
    ) -> None:
        self.identity, self.files = identity, listing.fingerprint
        self._listing, self._chosen, self._config = listing, chosen, config
        names = [listing.names[i] for i in chosen]
        self.labels = listing.labels[chosen]
        self.ids = np.array([name.encode() for name in names], dtype=np.bytes_)
        self.groups = np.array([_group(config, name).encode() for name in names], dtype=np.bytes_)

    @property
    def place(self) -> Path:
        """Where the images are."""
        return self._listing.place

    @property
    def classes(self) -> list[str]:
        """Names of the class folders, in the order of their numbers here; empty where there are none."""
        return self._listing.classes

    def check_classes(self, expected: int) -> None:
        """Compare the classes in the place with the config.

        All images in the place count, not those of this split alone: a small split need not have images of every class.

        Args:
            expected: how many classes there are, by the config.

        Raises:
            WeeError: there are more class folders or fewer, one of them is empty, or a class number is too large.
        """
        listing, key = self._listing, f"{self._config.name}.classes"
        if listing.classes and len(listing.classes) != expected:
            raise WeeError(
                f"{self.place} has {len(listing.classes)} classes, but {key} is {expected}: "
                "a class folder is missing, or there is one too many"
            )
        if listing.empty_classes:
            listed = ", ".join(listing.empty_classes[:5])
            raise WeeError(f"{self.place} has no images of {len(listing.empty_classes)} of its classes: {listed}")
        if listing.labels.max() >= expected:
            raise WeeError(
                f"{self.place} has the class number {listing.labels.max()}, but {key} is {expected}: "
                f"class numbers lie in 0..{expected - 1}"
            )

    def size(self, index: int) -> tuple[int, int]:
        """Width and height of one image in pixels.

        Raises:
            WeeError: it cannot be read.
        """
        return open_image(self._listing, int(self._chosen[index])).size

    def dataset(self, transform: Transform) -> Dataset[Any]:
        """The images as a torch data set: kept in memory where that is small, or asked for."""
        pixels = Pixels(self._listing, self._chosen, self._config.channels, transform)
        size = len(self) * self._config.channels * transform.size**2
        if self._config.memory is True or (self._config.memory == "auto" and size <= MEMORY_BYTES):
            return ArrayImages(pixels.all(), self.labels, transform)
        return ReadImages(pixels, self.labels, transform)

    def augmented(self, transform: Transform, augment: Augment, seed: int) -> Dataset[Any]:
        """The images, varied at random."""
        from wee.data.variation import ResizedCrops

        if augment.kind != "crop":
            return super().augmented(transform, augment, seed)
        pixels = Pixels(self._listing, self._chosen, self._config.channels, transform)
        return ResizedCrops(pixels, self.labels, seed, transform)


class Pixels:
    """Transformed 8-bit pixels of images, read when they are asked for.

    Args:
        listing: of the files.
        chosen: which of them.
        channels: 3 for colour, 1 for grey.
        transform: resize and crop.
    """

    def __init__(self, listing: Listing, chosen: NDArray[np.int64], channels: int, transform: Transform) -> None:
        from timm.data.transforms_factory import create_transform

        self._listing, self._chosen, self._mode = listing, chosen, "RGB" if channels == 3 else "L"
        self._shape = (channels, transform.size, transform.size)
        self._transform: Any = create_transform(
            input_size=self._shape,
            is_training=False,
            use_prefetcher=True,  # 8-bit pixels; normalised by us
            interpolation=transform.interpolation,
            crop_pct=transform.crop_pct,
        )

    def __getitem__(self, place: int) -> NDArray[np.uint8]:
        return np.asarray(self._transform(self.image(place)), dtype=np.uint8).reshape(self._shape)

    def image(self, place: int) -> Image.Image:
        """One image as it is.

        Raises:
            WeeError: it cannot be read.
        """
        return open_image(self._listing, int(self._chosen[place])).convert(self._mode)

    def all(self) -> NDArray[np.uint8]:
        """Of every image, [N, channels, size, size]."""
        found = np.empty((len(self._chosen), *self._shape), dtype=np.uint8)
        for place in range(len(found)):
            found[place] = self[place]
        return found


class ReadImages(Dataset[Any]):
    """Images that are read each time."""

    def __init__(self, pixels: Pixels, labels: NDArray[np.int64], transform: Transform) -> None:
        self._pixels, self._labels = pixels, torch.from_numpy(labels)
        self._mean, self._std = transform.normalisation()

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Batch:
        image = (torch.tensor(self._pixels[index]).float() / 255 - self._mean[0]) / self._std[0]
        return {"image": image, "label": self._labels[index], "index": torch.tensor(index)}


def images(config: ImagesConfig, name: str) -> Split:
    """One split of a data set of image files.

    Raises:
        WeeError: the place where it should lie is not there, or the validation set cannot be cut.
    """
    identity = config.identity(name)
    held_out = config.validation
    if name == "val" and held_out.source not in ("train", "test"):
        return _whole(identity, config, [held_out.source])
    source = {"train": "train", "test": "test"}.get(name, held_out.source)
    listing = list_images(config.find(source))
    everything = np.arange(len(listing.names))
    if name != "val" and source != held_out.source:
        return ImageFiles(identity, listing, everything, config)
    if not 0 < held_out.count < len(everything):
        raise WeeError(
            f"dataset.validation.count is {held_out.count}, but {config.find(source)} has {len(everything):,} images; "
            "some must be left on either side"
        )
    # numpy promises that this generator's streams never change.
    drawn = np.sort(np.random.RandomState(held_out.seed).permutation(len(everything))[: held_out.count])
    return ImageFiles(identity, listing, drawn if name == "val" else np.setdiff1d(everything, drawn), config)


def _whole(identity: dict[str, Any], config: ImagesConfig, places: Sequence[str]) -> Split:
    listing = list_images(config.place(places))
    return ImageFiles(identity, listing, np.arange(len(listing.names)), config)


def _group(config: ImagesConfig, name: str) -> str:
    if not config.group:
        return name
    match = re.search(config.group, name)
    if match is None:
        raise WeeError(f"dataset.group={config.group} finds nothing in {name}; it is a pattern with one (group) in it")
    return match[1]
