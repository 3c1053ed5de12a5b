"""A sweep over synthetic corrupted sets: its time and memory against images, sets, members and scales.

The largest sweep is a tenth of ImageNet-C: 75 corrupted sets of 5,000 images instead of 50,000, four members and five scales.
Logits have 50 classes instead of 1,000, because a warm sweep does not read them; scoring is timed with fewer images
of 1,000 classes. All of it needs about 3 GB on disk, and is made in a folder of its own.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import SCALE, make
from benchmarks.report import Report, Row, machine, run_measured, seconds
from wee.app.console import progress
from wee.data.splits import TEST
from wee.method import summarise
from wee.store import Address, LogitStore

CLASSES, IMAGES, SETS, MEMBERS = 50, 5_000, 75, 4
SCALES = ("s1", "s2", "s3", "s4", "s5")
ROUNDS = 2
SCORED = 20_000
RESULT = "scaling.json"


@dataclass(frozen=True)
class Size:
    """The size of a sweep.

    Attributes:
        images: images in each set, and in the validation and the test set.
        sets: corrupted sets.
        members: members of each scale; all ordered pairs of them are cascades.
        scales: number of scales.
        processes: number of processes.
    """

    images: int = IMAGES
    sets: int = SETS
    members: int = MEMBERS
    scales: int = 1
    processes: int = 1


@dataclass(frozen=True)
class Measured:
    """A measured sweep.

    Attributes:
        along: what was varied: "images", "sets", "members", "scales" or "processes".
        size: the size of the sweep.
        seconds: the time of each round of the warm command.
        memory: the peak memory of the largest process in each round, in bytes.
        settings: number of settings of the sweep.
    """

    along: str
    size: Size
    seconds: list[float]
    memory: list[int]
    settings: int


VARIED = {
    "images": [Size(images=count) for count in (1_250, 2_500, IMAGES)],
    "sets": [Size(sets=count) for count in (5, 25, SETS)],
    "members": [Size(members=count) for count in (2, 3, MEMBERS)],
    "scales": [Size(scales=count) for count in (1, len(SCALES))],
    "processes": [Size(scales=len(SCALES), processes=count) for count in (1, 2)],
}


def run(folder: Path, report: Report) -> None:
    """Measure every size, in rounds over all sizes, and write `RESULT` with all times."""
    place = folder / "scaling"
    sizes = list(dict.fromkeys(size for varied in VARIED.values() for size in varied))
    for size in sizes:
        _make(place, size)
    rounds: dict[Size, list[tuple[float, int]]] = {size: [] for size in sizes}
    settings = {}
    with progress("sweeps") as bar:
        task = bar.add_task("sweeping", total=(ROUNDS + 1) * len(sizes))
        for _ in range(ROUNDS + 1):
            for size, taken in rounds.items():
                taken.append(_sweep(place, size))
                settings[size] = _settings(place)
                bar.advance(task)
    measured = [
        Measured(
            along,
            size,
            [taken for taken, _ in rounds[size][1:]],
            [memory for _, memory in rounds[size][1:]],
            settings[size],
        )
        for along, varied in VARIED.items()
        for size in varied
    ]
    about = {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "classes": CLASSES,
        "scoring": _scoring(place),
        "measured": [asdict(one) for one in measured],
    }
    (folder / RESULT).write_text(json.dumps(about, indent=1) + "\n")
    for along in VARIED:
        report.add(_row(along, [one for one in measured if one.along == along]))


def _scoring(place: Path) -> dict[str, Any]:
    """Time the scoring of logits of 1,000 classes: of each member, and of each pair of members averaged."""
    samples = {"test": SCORED}
    make(place / "store", "scored", samples, 1_000, MEMBERS)
    entries = [
        entry
        for member in range(MEMBERS)
        for entry in LogitStore(place / "store").find(Address("scored", "synthetic", SCALE, member, TEST))
    ]
    logits, labels = [entry.logits for entry in entries], np.asarray(entries[0].labels)
    sets = [(member,) for member in range(MEMBERS)] + list(itertools.combinations(range(MEMBERS), 2))
    times = []
    for number in range(ROUNDS + 1):
        start = time.perf_counter()
        summarise(logits, labels, sets, ["msp"])
        if number:  # the first round reads the files
            times.append(time.perf_counter() - start)
    return {"images": SCORED, "seconds": times}


def _row(along: str, measured: list[Measured]) -> Row:
    """Return a row with the times of all sizes, and the exponent with which time grows between the ends."""
    sizes = [getattr(one.size, along) for one in measured]
    times = [float(np.median(one.seconds)) for one in measured]
    exponent = np.log(times[-1] / times[0]) / np.log(sizes[-1] / sizes[0])
    listed = ", ".join(
        f"{size:,}: {seconds(taken)} ({seconds(min(one.seconds))} to {seconds(max(one.seconds))}), "
        f"{max(one.memory) / 2**30:.2f} GiB"
        for size, taken, one in zip(sizes, times, measured, strict=True)
    )
    return Row(f"sweep of corrupted sets, warm, by {along}", times[-1], "", None, f"{listed}; power {exponent:.2f}")


def _name(size: Size) -> str:
    return f"corrupted-{size.images}"


def _make(place: Path, size: Size) -> None:
    sets = {f"shift-c{number}": size.images for number in range(size.sets)}
    samples = {"val": size.images, "test": size.images, **sets}
    for scale in SCALES[: size.scales]:
        make(place / "store", _name(size), samples, CLASSES, size.members, scale)


def _sweep(place: Path, size: Size) -> tuple[float, int]:
    """Return the seconds and the peak memory in bytes of the whole command."""
    shutil.rmtree(place / "sweeps", ignore_errors=True)
    members = ",".join(map(str, range(size.members)))
    sets = ",".join(f"c{number}" for number in range(size.sets))
    command = [
        sys.executable, "-m", "wee", "sweep", "dataset=stored", f"dataset.name={_name(size)}", "family=stored",
        "family.name=synthetic", "name=scaling", f"ensemble.members=[{members}]", f"scale=[{','.join(SCALES[: size.scales])}]",
        f"dataset.shift=[{sets}]", "task.names=[cov@5,risk@80]", "task.metrics=[]", "policy.names=[single,ensemble,window]",
        "window.width=0.2", "score.exit=msp", "score.evaluation=msp", f"paths.outputs={place}",
        f"runtime.processes={size.processes}",
    ]  # fmt: skip
    return run_measured(command)


def _settings(place: Path) -> int:
    """Return the number of settings of the latest sweep."""
    (rules,) = (place / "sweeps" / "scaling").glob("*/rules.jsonl")
    return len(rules.read_text().splitlines())
