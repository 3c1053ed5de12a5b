"""Listings of the images in a folder of classes, a plain folder, a file list, tar shards, or torchvision's files."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wee.data.images.places import TORCHVISION
from wee.errors import WeeError
from wee.method import NO_LABEL

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
"""Extensions of image files."""

UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Characters of names that tables cannot hold: control characters, and bytes that are not UTF-8."""


@dataclass(frozen=True)
class Listing:
    """The images in one place.

    Attributes:
        place: path of the folder or file list.
        names: path of each image below the place [n].
        labels: class of each image [n]; `NO_LABEL` if it has none.
        classes: names of the classes, in the order of the labels; empty if there are no classes, or only numbers.
        sizes: size of each file in bytes [n].
        read: function that returns the content of the file with an index, or the image.
    """

    place: Path
    names: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    sizes: list[int]
    read: Callable[[int], bytes | Image.Image]

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of names, labels and sizes."""
        digest = hashlib.sha256()
        for name, label, size in zip(self.names, self.labels.tolist(), self.sizes, strict=True):
            digest.update(f"{name}\0{label}\0{size}\n".encode())
        return digest.hexdigest()[:16]

    @property
    def empty_classes(self) -> list[str]:
        """The names of the classes that have no image."""
        return [self.classes[label] for label in np.setdiff1d(np.arange(len(self.classes)), self.labels)]


def list_images(place: Path) -> Listing:
    """Return the images in a folder of class folders, a plain folder, a file list, or a folder of tar shards.

    Classes are numbered in the order of their names. A file list has a line for each image: a path relative to the folder
    of the list, and optionally a class number.

    Raises:
        WeeError: the place does not exist, has no images, or has an image whose name cannot be written to a table.
    """
    if f"{place.parent.name}/{place.name}" in TORCHVISION:
        listing = _list_torchvision(place)
    elif place.is_file():
        listing = _list_file(place)
    elif not place.is_dir():
        raise WeeError(
            f"there is no {place}: it should be a folder of images, of class folders or of tar shards, or a list"
        )
    elif any(entry.suffix == ".tar" for entry in place.iterdir()):
        listing = _list_shards(place)
    else:
        listing = _list_folder(place)
    if not listing.names:
        raise WeeError(f"there are no images in {place} (of the kinds {', '.join(EXTENSIONS)})")
    for name in listing.names:
        if UNWRITABLE.search(name):
            raise WeeError(
                f"{place} has an image named {name!a}: its name contains characters that tables cannot hold; rename it"
            )
    return listing


def _list_folder(place: Path) -> Listing:
    classes = sorted(entry.name for entry in os.scandir(place) if entry.is_dir() and not entry.name.startswith("."))
    files: list[tuple[str, int, int]] = []
    for label, name in enumerate(classes):
        files += [(path, label, size) for path, size in _walk(place / name, f"{name}/")]
    if not files:
        classes = []
        files = [(path, NO_LABEL, size) for path, size in _walk(place, "")]
    names = [name for name, _, _ in files]
    labels = np.array([label for _, label, _ in files], dtype=np.int64)
    return Listing(place, names, labels, classes, [size for _, _, size in files], lambda i: _content(place / names[i]))


def _walk(folder: Path, prefix: str) -> list[tuple[str, int]]:
    files = []
    for entry in os.scandir(folder):
        if entry.is_dir():
            files += _walk(Path(entry.path), f"{prefix}{entry.name}/")
        elif entry.name.lower().endswith(EXTENSIONS):
            try:
                size = entry.stat().st_size
            except OSError:  # a broken link, reported when the image is read
                size = 0
            files.append((prefix + entry.name, size))
    return sorted(files)


def _content(path: Path) -> bytes:
    """Return the content of a file; reading a pipe would wait for ever.

    Raises:
        OSError: the file cannot be read, or it is no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path.read_bytes()


def _list_file(place: Path) -> Listing:
    names, labels = [], []
    try:
        lines = place.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise WeeError(f"{place} is no list of images: it is not text ({error})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        if not name or not re.fullmatch(r"-?\d+", label):
            name, label = line.strip(), str(NO_LABEL)
        if not (place.parent / name).is_file():
            raise WeeError(f"{place}, line {number}: there is no file {place.parent / name}")
        if abs(int(label)) >= 2**31:
            raise WeeError(f"{place}, line {number}: {label} is no class number")
        names.append(name)
        labels.append(int(label))
    sizes = [(place.parent / name).stat().st_size for name in names]
    return Listing(
        place, names, np.array(labels, dtype=np.int64), [], sizes, lambda i: _content(place.parent / names[i])
    )


def _list_shards(place: Path) -> Listing:
    """List images with timm's reader of tar files: one file for each class, or files that contain class folders."""
    from timm.data.readers.reader_image_in_tar import ReaderImageInTar

    # No cache of open files, because processes that load data must not share a file's position.
    try:
        reader: Any = ReaderImageInTar(str(place), cache_tarfiles=False, cache_tarinfo=False)  # type: ignore[no-untyped-call]
    except (tarfile.TarError, EOFError, AssertionError, RuntimeError, UnicodeDecodeError) as error:
        raise WeeError(f"the tar shards in {place} cannot be read: {error}") from None
    classes = sorted(reader.class_name_to_idx)
    class_names = [reader.class_idx_to_name[label] for label in reader.targets]
    named = [f"{label}/{reader.filename(i, basename=True)}" for i, label in enumerate(class_names)]
    order = sorted(range(len(named)), key=lambda i: named[i])  # timm's order is that of the folder's listing
    names = [named[i] for i in order]
    if len(set(names)) < len(names):
        raise WeeError(f"some images of one class in the shards in {place} have the same name; names must be unique")
    labels = np.array([classes.index(class_names[i]) for i in order], dtype=np.int64)
    sizes = [int(reader.samples[i][0].size) for i in order]

    def read(index: int) -> bytes:
        content: bytes = reader[order[index]][0].read()
        return content

    return Listing(place, names, labels, classes, sizes, read)


def _list_torchvision(place: Path) -> Listing:
    """List the images in the original files of CIFAR and SVHN, which torchvision reads and checks."""
    import torchvision  # type: ignore[import-untyped]

    name, part = place.parent.name.partition(":")[2], place.name
    root = place.parents[1]
    options: dict[str, Any] = {"split": part} if name == "SVHN" else {"train": part == "train"}
    try:
        dataset = getattr(torchvision.datasets, name)(str(root), **options)
    except (RuntimeError, OSError) as error:
        raise WeeError(f"the files of {name} in {root} are not whole: {error}") from None
    labels = np.asarray(dataset.labels if name == "SVHN" else dataset.targets, dtype=np.int64)
    names = [f"{part}-{k:05d}" for k in range(len(labels))]
    # The content of the files is fixed: torchvision has compared their checksums, so that sizes are not needed.
    return Listing(
        place, names, labels, list(getattr(dataset, "classes", [])), [0] * len(names), lambda k: dataset[k][0]
    )


def open_image(listing: Listing, index: int) -> Image.Image:
    """Read and decode one image.

    Raises:
        WeeError: the image cannot be read.
    """
    try:
        content = listing.read(index)
        if isinstance(content, Image.Image):
            return content
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception as error:  # decoders of damaged files raise exceptions of many types
        raise WeeError(
            f"the image {listing.place / listing.names[index]} cannot be read: {str(error).partition(' <')[0]}"
        ) from None
    return image
