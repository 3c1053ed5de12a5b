"""Runs a cascade over image files: one row of a table for each image, written in pieces, so that a killed run goes on."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wee.cascade.description import CascadeDescription
from wee.cascade.folder import transforms_of
from wee.cascade.module import Cascade
from wee.data.images.listing import Listing
from wee.data.images.split import ImageFiles, Pixels, ReadOptions
from wee.errors import WeeError
from wee.method import NO_LABEL

COLUMNS = ("file", "label", "class", "confidence", "stage", "accepted")
"""The columns of the table: the path below the folder of images, the predicted class by number and by name, the final
confidence, the stage at which the image left (counted from 1), and whether the prediction is accepted."""


@dataclass(frozen=True)
class PredictedImage:
    """The prediction for one image, as in `COLUMNS`."""

    file: str
    label: int
    name: str
    confidence: float
    stage: int
    accepted: bool

    def cells(self) -> list[str]:
        """The row as text."""
        return [
            self.file, str(self.label), self.name, repr(self.confidence), str(self.stage), str(self.accepted).lower(),
        ]  # fmt: skip


@dataclass
class Unreadable:
    """Images that could not be read, with the reasons."""

    reasons: dict[str, str] = field(default_factory=dict)


class Predictor:
    """Classifies the images of a listing.

    Args:
        cascade: loaded from a folder.
        listing: the images.

    Raises:
        WeeError: the cascade was not loaded from a folder.
    """

    def __init__(self, cascade: Cascade, listing: Listing) -> None:
        if cascade.description is None:
            raise WeeError("a cascade that classifies files is loaded from a folder: Cascade.load(FOLDER)")
        self.description: CascadeDescription = cascade.description
        self._cascade, self._listing = cascade, listing
        channels = self.description.stages[0].channels
        self._split = ImageFiles({}, listing, ReadOptions(channels))
        self._transforms = transforms_of(self.description)
        self._pixels = [Pixels(self._split, channels, transform) for transform in self._transforms]

    def rows(self, places: Sequence[int], unreadable: Unreadable) -> list[PredictedImage]:
        """Classify some images.

        Args:
            places: their indices in the listing.
            unreadable: takes the images that cannot be read; they have no row.
        """
        images: dict[int, Image.Image] = {}
        for place in places:
            try:
                images[place] = self._split.image(place)
            except (WeeError, OSError) as error:
                unreadable.reasons[self._listing.names[place]] = str(error)
        if not images:
            return []
        readable = list(images)

        def prepare(stage: int, samples: Tensor) -> Tensor:
            pixels = np.stack([self._pixels[stage].of(images[readable[sample]]) for sample in samples.tolist()])
            mean, std = self._transforms[stage].normalisation()
            return (torch.from_numpy(pixels).float() / 255 - mean) / std

        ids = np.array([self._listing.names[place].encode() for place in readable])
        prediction = self._cascade.run_prepared(prepare, len(readable), ids).cpu()
        classes = self.description.classes
        columns = (prediction.label.tolist(), prediction.confidence.tolist(), prediction.stage.tolist())
        accepted = [True] * len(readable) if prediction.accepted is None else prediction.accepted.tolist()
        return [
            PredictedImage(self._listing.names[place], label, classes[label], confidence, stage + 1, keep)
            for place, label, confidence, stage, keep in zip(readable, *columns, accepted, strict=True)
        ]


def predict(
    predictor: Predictor,
    listing: Listing,
    output: Path,
    batch_size: int,
    done: Callable[[int], None] = lambda images: None,
) -> tuple[list[PredictedImage], Unreadable]:
    """Classify all images of a listing, and write the table.

    The table is written batch by batch to a hidden file beside `output`, which is renamed at the end. If there is one, of the
    same cascade and the same images, the images in it are not classified again.

    Args:
        predictor: classifies images.
        listing: the images.
        output: the file of the table.
        batch_size: the number of images that run through the first stage together.
        done: called with the number of images that have been finished since the last call.

    Returns:
        The rows of the table, and the images that could not be read.
    """
    key = f"{predictor.description.calibrated_on['key'][:8]}{listing.fingerprint[:8]}"
    part = output.with_name(f".{output.name}.{key}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    rows = _resumed(part)
    known = {row.file for row in rows}
    remaining = [place for place, name in enumerate(listing.names) if name not in known]
    done(len(known))
    unreadable = Unreadable()
    with part.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(COLUMNS)
        for start in range(0, len(remaining), batch_size):
            places = remaining[start : start + batch_size]
            batch = predictor.rows(places, unreadable)
            writer.writerows(row.cells() for row in batch)
            file.flush()
            rows += batch
            done(len(places))
    part.replace(output)
    return rows, unreadable


def _resumed(part: Path) -> list[PredictedImage]:
    """Return the rows of an unfinished table, and cut off the last line if a killed run has not completed it."""
    if not part.exists():
        return []
    content = part.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    os.truncate(part, len(complete))
    return [
        PredictedImage(
            cells["file"], int(cells["label"]), cells["class"], float(cells["confidence"]), int(cells["stage"]),
            cells["accepted"] == "true",
        )
        for cells in csv.DictReader(io.StringIO(complete.decode(), newline=""))
    ]  # fmt: skip


def true_labels(listing: Listing, classes: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the true class of each image in the numbering of a cascade; None if the images have no classes.

    Args:
        listing: the images; the names of their class folders are those of the cascade.
        classes: the names of the classes of the cascade.

    Raises:
        WeeError: there are class folders, and some are no class of the cascade.
    """
    if (listing.labels == NO_LABEL).all():
        return None
    if not listing.classes:
        return listing.labels
    number = {name: place for place, name in enumerate(classes)}
    strange = [name for name in listing.classes if name not in number]
    if strange:
        raise WeeError(
            f"{listing.place} has class folders that the cascade does not know: {', '.join(strange[:5])} (it knows "
            f"{', '.join(classes[:5])}{', ..' if len(classes) > 5 else ''})"
        )
    table = np.array([number[name] for name in listing.classes])
    labels: NDArray[np.int64] = np.where(listing.labels == NO_LABEL, NO_LABEL, table[listing.labels])
    return labels
