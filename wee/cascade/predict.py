"""Runs a cascade over image files: one row of a table for each image, written in pieces, so that a killed run goes on."""

from __future__ import annotations

import csv
import glob
import importlib.util
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from wee.cascade.description import CascadeDescription
from wee.cascade.folder import transforms_of
from wee.cascade.module import Cascade
from wee.cascade.preparation import Preparation
from wee.data.base import Transform, as_floats
from wee.data.images.listing import Listing
from wee.data.images.split import ImageFiles, Pixels, ReadOptions
from wee.errors import WeeError
from wee.files import write_atomically
from wee.identity import key_of
from wee.method import NO_LABEL

log = logging.getLogger("wee")

COLUMNS = ("file", "label", "class", "confidence", "stage", "accepted")
"""The columns of the table: the path below the folder of images, the predicted class by number and by name, the final
confidence, the stage at which the image left (counted from 1), and whether the prediction is accepted."""

PARQUET = ".parquet"
"""The ending of Parquet files."""


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

    @classmethod
    def read(cls, cells: Mapping[str, str]) -> PredictedImage:
        """Return the row with some cells, by column."""
        numbers = int(cells["label"]), cells["class"], float(cells["confidence"]), int(cells["stage"])
        return cls(cells["file"], *numbers, cells["accepted"] == "true")


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
        transforms = transforms_of(self.description)
        prepare = _from_bytes if self.description.resizes_bytes else _from_floats
        self._prepare = [prepare(self._split, channels, transform) for transform in transforms]

    def rows(self, places: Sequence[int], unreadable: dict[str, str]) -> list[PredictedImage]:
        """Classify some images.

        Args:
            places: their indices in the listing.
            unreadable: takes the reasons of the images that cannot be read, by name; they have no row.
        """
        images: dict[int, Image.Image] = {}
        for place in places:
            try:
                images[place] = self._split.image(place)
            except (WeeError, OSError) as error:
                unreadable[self._listing.names[place]] = str(error)
        if not images:
            return []
        readable = list(images)

        def prepare(stage: int, samples: Tensor) -> Tensor:
            return torch.cat([self._prepare[stage](images[readable[sample]]) for sample in samples.tolist()])

        ids = np.array([self._listing.names[place].encode() for place in readable])
        prediction = self._cascade.run_prepared(prepare, len(readable), ids).cpu()
        classes = self.description.classes
        columns = (prediction.label.tolist(), prediction.confidence.tolist(), prediction.stage.tolist())
        accepted = [True] * len(readable) if prediction.accepted is None else prediction.accepted.tolist()
        return [
            PredictedImage(self._listing.names[place], label, classes[label], confidence, stage + 1, keep)
            for place, label, confidence, stage, keep in zip(readable, *columns, accepted, strict=True)
        ]


def _from_bytes(split: ImageFiles, channels: int, transform: Transform) -> Callable[[Image.Image], Tensor]:
    """Return what prepares an image [1, channels, size, size] for a network, resized as 8-bit pixels."""
    pixels, (mean, std) = Pixels(split, channels, transform), transform.normalisation()
    return lambda image: (as_floats(torch.from_numpy(pixels.of(image))[None]) - mean) / std


def _from_floats(split: ImageFiles, channels: int, transform: Transform) -> Callable[[Image.Image], Tensor]:
    """Return what prepares an image [1, channels, size, size] for a network, resized as floating-point numbers."""
    prepare = Preparation(transform)

    def prepared(image: Image.Image) -> Tensor:
        pixels = np.array(image, dtype=np.uint8).reshape(1, image.height, image.width, channels)
        prepared: Tensor = prepare(torch.from_numpy(pixels).permute(0, 3, 1, 2))
        return prepared

    return prepared


@dataclass(frozen=True)
class Predictions:
    """What is known of the images of a listing.

    Attributes:
        rows: the predictions, in the order of the listing.
        unreadable: the reasons why images could not be read, by their names.
    """

    rows: list[PredictedImage]
    unreadable: dict[str, str]


def table_key(description: CascadeDescription, listing: Listing, precision: str) -> str:
    """Return what identifies the rows of a table: the cascade, the images and where they lie, and the precision."""
    images = {"place": str(listing.place.resolve()), "files": listing.fingerprint}
    return key_of({"cascade": description.calibrated_on["key"], **images, "precision": precision})


class UnfinishedTable:
    """The rows that are known so far, in hidden files beside the table: one for each process that writes rows.

    A run that is killed leaves the files, and the next run of the same cascade over the same images goes on from them, with
    any number of processes.

    Args:
        output: the file of the table.
        key: identifies the cascade and the images.
    """

    def __init__(self, output: Path, key: str) -> None:
        self._output, self._key = output, key

    def part(self, rank: int) -> Path:
        """Return the file that a process appends its rows to."""
        return self._output.with_name(f".{self._output.name}.{self._key}.{rank}.part")

    def files(self) -> list[Path]:
        """Return the files of all processes."""
        return sorted(self._output.parent.glob(f".{glob.escape(self._output.name)}.{self._key}.*.part"))

    def repair(self) -> None:
        """Cut off last lines that a killed run has not completed. Only one process may do this, before any writes rows."""
        for file in self.files():
            content = file.read_bytes()
            os.truncate(file, content.rfind(b"\n") + 1)

    def read(self) -> Predictions:
        """Return what is known, in no particular order. Images that could not be read come second, with the reasons."""
        rows: dict[str, PredictedImage] = {}  # an image can be in two files, if an earlier run lost its leader
        unreadable: dict[str, str] = {}
        for file in self.files():
            content = file.read_bytes()
            complete = content[: content.rfind(b"\n") + 1].decode(errors="replace")
            for cells in csv.DictReader(io.StringIO(complete, newline="")):
                try:
                    if cells["label"]:
                        rows[cells["file"]] = PredictedImage.read(cells)
                    else:
                        unreadable[cells["file"]] = cells["class"]
                except (ValueError, KeyError, TypeError):  # damaged: the image is classified again
                    log.warning(f"{file} has a damaged row; its image is classified again")
        return Predictions(
            list(rows.values()), {name: reason for name, reason in unreadable.items() if name not in rows}
        )

    def remove(self) -> None:
        """Remove the files."""
        for file in self.files():
            file.unlink()


def predict_share(
    predictor: Predictor,
    places: Sequence[int],
    part: Path,
    batch_size: int,
    done: Callable[[int], None] = lambda images: None,
) -> None:
    """Classify some images, and append their rows to a file, batch by batch.

    Images that cannot be read have a row without a label, with the reason in place of the class.

    Args:
        predictor: classifies images.
        places: the indices of the images in the listing.
        part: the file.
        batch_size: the number of images that run through the first stage together.
        done: called with the number of images that have been finished since the last call.
    """
    with part.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(COLUMNS)
        for start in range(0, len(places), batch_size):
            batch = places[start : start + batch_size]
            unreadable: dict[str, str] = {}
            rows = predictor.rows(batch, unreadable)
            writer.writerows(row.cells() for row in rows)
            writer.writerows([name, "", " ".join(reason.split()), "", "", ""] for name, reason in unreadable.items())
            file.flush()
            done(len(batch))


def write_table(rows: Sequence[PredictedImage], output: Path) -> None:
    """Write predictions to a CSV file or, if the name ends in ".parquet", to a Parquet file. The file appears in one step.

    Raises:
        OSError: the file cannot be written; no part of it is left.
    """
    write_atomically(output, _parquet(rows) if output.suffix == PARQUET else _csv(rows))


def is_written(rows: Sequence[PredictedImage], output: Path) -> bool:
    """Return whether a file is the table of these predictions."""
    return output.is_file() and output.read_bytes() == (_parquet(rows) if output.suffix == PARQUET else _csv(rows))


def check_format(output: Path) -> None:
    """Check that a table can be written in the format that the name of its file asks for.

    Raises:
        WeeError: pyarrow is not installed, or the ending is neither ".csv" nor ".parquet".
    """
    if output.suffix not in (".csv", PARQUET):
        raise WeeError(f"output is {output}: it is a table, and its name ends in .csv or {PARQUET}")
    if output.suffix == PARQUET and importlib.util.find_spec("pyarrow") is None:
        raise WeeError("Parquet files need pyarrow, which is not installed: pip install 'wee[parquet]'")


def _csv(rows: Sequence[PredictedImage]) -> bytes:
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    writer.writerow(COLUMNS)
    writer.writerows(row.cells() for row in rows)
    return content.getvalue().encode()


def _parquet(rows: Sequence[PredictedImage]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    attributes = [entry.name for entry in fields(PredictedImage)]
    columns = {
        column: [getattr(row, attribute) for row in rows] for column, attribute in zip(COLUMNS, attributes, strict=True)
    }
    content = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), content)
    return content.getvalue()


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
        largest = int(listing.labels.max())
        if largest >= len(classes):
            raise WeeError(
                f"{listing.place} has an image of class {largest}, and the cascade has the classes 0 to {len(classes) - 1}"
            )
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
