"""Writes the samples of a split as image files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wee.data.base import Split
from wee.errors import WeeError
from wee.files import commit_folder, staged
from wee.method import NO_LABEL


def write_images(
    split: Split, classes: Sequence[str], folder: Path, done: Callable[[int], None] = lambda images: None
) -> None:
    """Write every sample of a split as a PNG file, in class folders; a sample without a class lies beside them.

    PNG keeps 8-bit pixels as they are. A file is named after the sample's place in the split and its id. The folder appears
    when all files are written.

    Args:
        split: the samples.
        classes: the names of the classes, in the order of the labels.
        folder: where to write; it must not exist.
        done: called with the number of images that have been written since the last call.

    Raises:
        WeeError: the folder exists, a class name cannot be the name of a folder, or an image cannot be read.
    """
    if folder.exists():
        raise WeeError(f"{folder} exists: choose another folder, or remove it")
    for name in classes:
        if not name or "/" in name or name.startswith("."):
            raise WeeError(f"the class name '{name}' cannot be the name of a folder")
    digits = len(str(len(split)))
    with staged(folder) as temporary:
        for place, (label, sample) in enumerate(zip(split.labels.tolist(), split.ids.tolist(), strict=True)):
            parent = temporary if label == NO_LABEL else temporary / classes[label]
            parent.mkdir(exist_ok=True)
            name = Path(sample.decode()).stem
            split.as_image(place).save(parent / f"{place:0{digits}}-{name}.png")
            done(1)
        if not commit_folder(temporary, folder, durable=False):
            raise WeeError(f"{folder} was made by another process meanwhile")
