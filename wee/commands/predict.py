"""`wee predict`: classify images with a calibrated cascade."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import MISSING
from rich.table import Table

from wee.app.command import Command
from wee.app.console import progress, show
from wee.app.failures import report
from wee.app.fields import Checked, written
from wee.app.paths import Common
from wee.commands import find_command, modules
from wee.costs import COSTS
from wee.errors import WeeError, unknown
from wee.files import Lock
from wee.lit.runtime import RuntimeConfig
from wee.method import NO_LABEL
from wee.units import counted, si

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wee.cascade.description import CascadeDescription
    from wee.cascade.drift import ComparedShare
    from wee.cascade.predict import PredictedImage, Predictions, UnfinishedTable
    from wee.data.images.listing import Listing
    from wee.lit.processes import Processes

log = logging.getLogger("wee")


COLLECTING = 30
"""How long to wait for the rows of other processes to appear on a shared folder, in seconds."""

PRECISIONS = {"32": None, "bf16": "bfloat16", "16": "float16"}
"""The precisions of the networks, and the types of `torch.autocast`, as torch names them."""


@dataclass
class PredictConfig(Common):
    """The config of `wee predict`.

    Attributes:
        cascade: The folder of the cascade, made by `wee calibrate`.
        images: A folder of images or of class folders, a file list, or a folder of tar shards.
        output: The table to write: a CSV file, or a Parquet file if its name ends in .parquet.
        batch_size: The number of images that run through the first stage together.
        precision: The precision of the networks: "32", or "bf16" or "16" for automatic mixed precision.
        compile: Whether to compile the networks with torch.compile.
        runtime: The devices; several devices and nodes share the images.
        independent: Whether the images are independent of each other. Otherwise they are taken to depend on each other like the
            samples of the test set, so that they tell less about whether the guarantee holds for them.
        overwrite: Whether to replace an existing table.
    """

    cascade: str = MISSING
    images: str = MISSING
    output: str = MISSING
    batch_size: int = 64
    precision: Checked[str] = written("32")
    compile: bool = False
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    independent: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        self.precision = str(self.precision)
        if self.precision not in PRECISIONS:
            raise unknown("precision", self.precision, PRECISIONS)
        if self.batch_size < 1:
            raise WeeError(f"batch_size is {self.batch_size}: it is a number of images, 1 or more")


def predict(cfg: PredictConfig) -> None:
    """Classify the images, write the table, and print what was accepted."""
    from wee.cascade.description import CascadeDescription
    from wee.cascade.drift import (
        ACCEPTS_NOTHING,
        broken_guarantee,
        compare_shares,
        independent_samples,
        record,
        warning,
    )
    from wee.cascade.folder import check_runs
    from wee.cascade.predict import UnfinishedTable, check_format, table_key, true_labels
    from wee.data.images.listing import list_images
    from wee.lit.processes import start_processes

    output = Path(cfg.output)
    check_format(output)
    description = CascadeDescription.load(Path(cfg.cascade))  # a wrong folder fails before images are listed
    check_runs(description)
    listing = list_images(Path(cfg.images))
    repeated = [name for name, count in Counter(listing.names).items() if count > 1]
    if repeated:
        raise WeeError(f"{cfg.images} names {repeated[0]} twice: name each image once")
    labels = true_labels(listing, description.classes)
    key = table_key(description, listing, cfg.precision)
    table = UnfinishedTable(output, key)
    with start_processes("predict", cfg.runtime) as processes:
        if not processes.leads:
            for other_key, places in processes.assignments():
                with contextlib.suppress(WeeError), processes.apart():  # the leader reports it
                    if other_key != key:
                        raise WeeError("it does not see the same cascade or images; are the folders shared?")
                    _classify(cfg, processes, listing, places, table, lambda number: None)
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        lock = Lock(output.with_name(f".{output.name}.lock"))
        if not lock.acquire():
            log.info(f"{lock.holder()} is writing {output}; waiting until it is known whether that process is alive")
        if not lock.acquire_soon():
            raise WeeError(
                f"{lock.holder()} is writing {output}: wait for it, or give another output=FILE. If that process is gone, "
                f"remove {lock.path}"
            )
        try:
            if output.exists() and not cfg.overwrite and not _finishes(listing, table, output):
                raise WeeError(f"{output} exists: give another output=FILE, or replace it with overwrite=true")
            predictions = _lead(cfg, processes, listing, key, table)
        finally:
            lock.release()
    rows = predictions.rows
    for name, reason in predictions.unreadable.items():
        log.warning(f"skipped: {name}: {reason}")
    accepted, stages = [row.accepted for row in rows], [row.stage for row in rows]
    shares = compare_shares(description, accepted, stages, cfg.independent)
    correct = None if labels is None else _correct(rows, listing, labels.tolist())
    kept = [bool(right) for row, right in zip(rows, correct or [], strict=False) if row.accepted and right is not None]
    broken = broken_guarantee(description, kept, cfg.independent)
    show(_summary(rows, description, shares, correct, broken is not None))
    if not math.isfinite(description.acceptance):
        log.warning(ACCEPTS_NOTHING)
    number = independent_samples(description, len(rows), cfg.independent)
    if number < len(rows):
        log.info(
            f"compared with the test set as {counted(number, 'independent image')}, because the samples there depend on each "
            "other; independent=true if yours do not"
        )
    warnings = [text for text in (warning(description, shares), broken) if text is not None]
    for text in warnings:
        log.warning(text)
    unreadable = counted(len(predictions.unreadable), "image")
    log.info(f"{cfg.output}: {counted(len(rows), 'prediction')}; {unreadable} could not be read")
    report(
        predictions=len(rows),
        unreadable=len(predictions.unreadable),
        accepted=sum(row.accepted for row in rows),
        shares=record(shares),
        warning="; ".join(warnings) or None,
    )


def _finishes(listing: Listing, table: UnfinishedTable, output: Path) -> bool:
    """Return whether a table was written by a run of this very work that was killed before it had tidied up."""
    from wee.cascade.predict import is_written

    return bool(table.files()) and is_written(_in_order(table.read().rows, listing), output)


def _in_order(rows: Sequence[PredictedImage], listing: Listing) -> list[PredictedImage]:
    place_of = {name: place for place, name in enumerate(listing.names)}
    return sorted((row for row in rows if row.file in place_of), key=lambda row: place_of[row.file])


def _lead(cfg: PredictConfig, processes: Processes, listing: Listing, key: str, table: UnfinishedTable) -> Predictions:
    """Classify the images that have no row yet, together with the other processes, and write the table.

    Raises:
        WeeError: a process failed, or no image can be read.
    """
    from wee.cascade.predict import Predictions, write_table

    table.repair()
    known = {row.file for row in table.read().rows}
    remaining = [place for place, name in enumerate(listing.names) if name not in known]
    if known and remaining:
        log.info(f"{len(known):,} images were classified before; {len(remaining):,} are left")
    with progress("images") as bar:
        task = bar.add_task("predicting", total=len(listing.names), unit="images")
        bar.advance(task, len(listing.names) - len(remaining))
        processes.assign((key, remaining))
        with processes.apart():
            _classify(
                cfg, processes, listing, remaining, table, lambda number: bar.advance(task, number * processes.size)
            )
    for _ in range(COLLECTING if processes.size > 1 else 0):
        read = table.read()
        if len(read.rows) + len(read.unreadable) >= len(listing.names):
            break
        time.sleep(1.0)
    read = table.read()
    lost = len(set(listing.names) - {row.file for row in read.rows} - set(read.unreadable))
    if lost:
        raise WeeError(f"the rows of {lost:,} images have not appeared; is {cfg.output} on a shared folder? Run again")
    if not read.rows:
        table.remove()
        raise WeeError(f"none of the {len(listing.names):,} images in {cfg.images} can be read")
    rows = _in_order(read.rows, listing)
    write_table(rows, Path(cfg.output))
    table.remove()
    return Predictions(rows, read.unreadable)


def _classify(
    cfg: PredictConfig,
    processes: Processes,
    listing: Listing,
    places: Sequence[int],
    table: UnfinishedTable,
    done: Callable[[int], None],
) -> None:
    """Classify this process's share of some images."""
    import torch

    from wee.cascade.module import Cascade, RunOptions
    from wee.cascade.predict import Predictor, predict_share
    from wee.lit.processes import device_of

    share = places[processes.rank :: processes.size]
    if not share:
        return
    kind = PRECISIONS[cfg.precision]
    autocast = None if kind is None else getattr(torch, kind)
    device = device_of(processes.alone(cfg.runtime))
    cascade = Cascade.load(cfg.cascade, RunOptions(device, autocast, compile=cfg.compile))
    predict_share(Predictor(cascade, listing), share, table.part(processes.rank), cfg.batch_size, done)


def _correct(rows: Sequence[PredictedImage], listing: Listing, labels: Sequence[int]) -> list[bool | None]:
    """Whether each prediction is correct; None for images without a label."""
    label_of = dict(zip(listing.names, labels, strict=True))
    return [None if label_of[row.file] == NO_LABEL else row.label == label_of[row.file] for row in rows]


def _summary(
    rows: Sequence[PredictedImage],
    description: CascadeDescription,
    shares: Sequence[ComparedShare],
    correct: Sequence[bool | None] | None,
    broken: bool,
) -> Table:
    """What was accepted, at which cost, and, with labels, how good it was, beside what was expected on the test set."""
    expected = description.expected["test"]
    count, accepted = len(rows), [row.accepted for row in rows]
    shown = Table(title=f"{count:,} images; {description.task} on {description.dataset}", title_justify="left")
    for column in ("", "here", "expected (test)"):
        shown.add_column(column, justify="left" if not column else "right")
    kept_share, *reaching = shares
    shown.add_row(kept_share.name, f"{kept_share.observed:.2%}", f"{kept_share.expected:.2%}")
    if correct is not None:
        known = [(keep, right) for keep, right in zip(accepted, correct, strict=True) if right is not None]
        kept = [right for keep, right in known if keep]
        risk = kept.count(False) / len(kept) if kept else 0.0
        among = "" if len(known) == count else f" ({len(known):,} images with labels)"
        shown.add_row(f"risk of what is accepted{among}", f"{risk:.2%}", f"{expected.risk.value:.2%}")
        accuracy = sum(right for _, right in known) / len(known)
        shown.add_row(f"accuracy of all predictions{among}", f"{accuracy:.2%}", f"{expected.accuracy.value:.2%}")
    for share in reaching:
        shown.add_row(share.name, f"{share.observed:.2%}", f"{share.expected:.2%}")
    name = str(description.chosen["cost"])
    totals = description.cost_of_leaving(name)
    average = sum(totals[row.stage - 1] for row in rows) / count
    shown.add_row(COSTS.find(name).average, si(average), si(expected.cost.value))
    for guarantee in description.certified.guarantees if description.certified is not None else []:
        limit = f"{100 * guarantee.limit:.5g} %" if guarantee.samples is not None else si(guarantee.limit)
        void = broken or any(share.differs for share in shares)
        here = "no guarantee" if void or not guarantee.holds else ""
        shown.add_row(f"guaranteed {guarantee.name}", here, f"at most {limit}" if guarantee.holds else "not certified")
    return shown


COMMAND = Command("predict", PredictConfig, predict, modules(), networks=True)


if __name__ == "__main__":
    # Not this module's own COMMAND: what is pickled for other processes must not live in __main__.
    find_command("predict").main()
