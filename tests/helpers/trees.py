"""Small image trees in every layout, made by the tests."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ant", "bee", "cow")


def picture(seed: int, label: int, size: int = 16) -> Image.Image:
    """Noise with a colour that tells the class."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (size, size, 3), dtype=np.uint8)
    pixels[..., label % 3] += 120
    return Image.fromarray(pixels)


def class_folders(place: Path, each: int, size: int = 16, classes: tuple[str, ...] = CLASSES) -> None:
    """PLACE/CLASS/NUMBER.png."""
    for label, name in enumerate(classes):
        (place / name).mkdir(parents=True)
        for k in range(each):
            picture(1000 * label + k, label, size).save(place / name / f"{k:03d}.png")


def plain_folder(place: Path, count: int, size: int = 16) -> None:
    """PLACE/thing-PHOTO-CUT.png: four cuts of each photograph."""
    place.mkdir(parents=True)
    for k in range(count):
        picture(k, k, size).save(place / f"thing{k // 4:02d}-{k % 4}.png")


def shards(place: Path, each: int) -> None:
    """PLACE/CLASS.tar."""
    place.mkdir(parents=True)
    for label, name in enumerate(CLASSES):
        with tarfile.open(place / f"{name}.tar", "w") as archive:
            for k in range(each):
                content = io.BytesIO()
                picture(1000 * label + k, label).save(content, "png")
                member = tarfile.TarInfo(f"{k:03d}.png")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)
