"""`python -m benchmarks.scale [--rate RATE]`: what ImageNet-C needs in disk, time, memory and jobs; it prints docs/scale.md.

The numbers are computed from the measurements in `benchmarks/scale.json`, which `make bench SCALE=scaling` makes, and from a
rate of evaluation that depends on the device and the network.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEASUREMENTS = Path(__file__).with_name("scale.json")
RATES = (100.0, 1_000.0, 10_000.0)
"""Rates of evaluation for which the page has a time, in images a second."""

GB, HOUR = 1e9, 3600.0
SAMPLE_BYTES = 64
"""Bytes of the label, the id and the group of a sample, about."""

JUDGED_BYTES, SCORE_BYTES = 34, 8
"""Bytes that `.scores` keeps for a sample and a set of members: what is judged, and each score."""


@dataclass(frozen=True)
class Study:
    """A study on corrupted sets.

    Attributes:
        sets: corrupted sets.
        images: images in each set.
        clean: images of the validation and the test set together.
        classes: number of classes.
        members, scales: members of each scale, and scales.
        scores: number of scores.
        settings: settings of the sweep at each scale.
        summaries: sets of members whose outputs are averaged, at each scale.
    """

    sets: int = 75
    images: int = 50_000
    clean: int = 50_000
    classes: int = 1_000
    members: int = 4
    scales: int = 5
    scores: int = 1
    settings: int = 34
    summaries: int = 10

    @property
    def samples(self) -> int:
        """Images that each member is evaluated on."""
        return self.sets * self.images + self.clean

    @property
    def evaluations(self) -> int:
        """Images that all members are evaluated on."""
        return self.samples * self.members * self.scales

    def logits(self, width: int) -> float:
        """Return the bytes of all logits.

        Args:
            width: bytes of a number: 2 for float16, 4 for float32.
        """
        return self.evaluations * (self.classes * width + SAMPLE_BYTES)

    def kept(self) -> float:
        """Return the bytes of what sweeps keep of the logits."""
        return self.samples * self.scales * self.summaries * (JUDGED_BYTES + SCORE_BYTES * self.scores)


@dataclass(frozen=True)
class Model:
    """Rates that describe the measured sweeps of one process, fitted by least squares.

    Attributes:
        seconds: seconds of a command, of a setting on a split, and of a setting and an image.
        memory: bytes of a command, and of an image at one scale.
    """

    seconds: NDArray[np.float64]
    memory: NDArray[np.float64]

    @classmethod
    def of(cls, measured: Sequence[dict[str, Any]], pick: Callable[[Sequence[float]], float]) -> Model:
        """Fit the rates.

        Args:
            measured: the measurements of one process.
            pick: chooses one value of the rounds: the median, the least or the greatest.
        """
        rows = [_terms(one) for one in measured]
        times = np.array([pick(one["seconds"]) for one in measured])
        # Relative errors count, so that small sweeps matter as well.
        seconds = np.linalg.lstsq(np.array(rows) / times[:, None], np.ones(len(times)), rcond=None)[0]
        single = [one for one in measured if one["size"]["scales"] == 1 and one["size"]["members"] == 4]
        images = np.array([[1.0, (one["size"]["sets"] + 2) * one["size"]["images"]] for one in single])
        memory = np.linalg.lstsq(images, np.array([pick(one["memory"]) for one in single]), rcond=None)[0]
        return cls(seconds, memory)

    def sweep_seconds(self, study: Study) -> float:
        """Return the seconds of a warm sweep by one process."""
        settings = study.settings * study.scales
        return float(self.seconds @ [1.0, settings * (study.sets + 2), settings * study.samples])

    def sweep_bytes(self, study: Study) -> float:
        """Return the peak memory of a sweep by one process, in bytes."""
        return float(self.memory @ [1.0, study.samples])

    def error(self, measured: Sequence[dict[str, Any]]) -> float:
        """Return the largest relative deviation of a measured median from the fitted time."""
        fitted = [float(self.seconds @ _terms(one)) for one in measured]
        return max(abs(fit / np.median(one["seconds"]) - 1) for fit, one in zip(fitted, measured, strict=True))


def _terms(one: dict[str, Any]) -> list[float]:
    splits = one["size"]["sets"] + 2
    return [1.0, one["settings"] * splits, one["settings"] * splits * one["size"]["images"]]


def page(measurements: dict[str, Any], rates: Sequence[float] = RATES) -> str:
    """Return the page as Markdown.

    Args:
        measurements: the content of `MEASUREMENTS`.
        rates: images a second of one device.
    """
    everything = measurements["measured"]
    single = [one for one in everything if one["size"]["processes"] == 1]
    typical, least, most = (Model.of(single, pick) for pick in (_median, min, max))
    study, tenth = Study(), Study(images=5_000, clean=10_000, classes=50)
    models = (typical, least, most)
    seconds = sorted(model.sweep_seconds(study) for model in models)
    small = sorted(model.sweep_seconds(tenth) for model in models)
    memory = sorted(model.sweep_bytes(study) for model in models)
    lines = [
        "# Scale: what ImageNet-C needs",
        "",
        "This page is printed by `python -m benchmarks.scale`, and a test compares it with the command. It computes from measured rates what an evaluation on",
        f"ImageNet-C needs: {study.sets} corrupted sets of {study.images:,} images and {study.clean:,} clean ones (validation and test), {study.classes:,} classes, {study.members} members of {study.scales} scales. Nobody has",
        "run it at this size with `wee`: the numbers are extrapolated from a synthetic run at a tenth of it.",
        "",
        f"Measured on {measurements['machine']}, on {measurements['date']}, by `make bench SCALE=scaling`.",
        "",
        "## Disk",
        "",
        "| what | float16 | float32 |",
        "| --- | ---: | ---: |",
        f"| logits of one member on all sets | {_gb(study.logits(2) / study.members / study.scales)} | {_gb(study.logits(4) / study.members / study.scales)} |",
        f"| logits of all {study.members * study.scales} members | {_gb(study.logits(2))} | {_gb(study.logits(4))} |",
        f"| what sweeps keep of them (`.scores`) | {_gb(study.kept())} | {_gb(study.kept())} |",
        "",
        f"`.scores` is for {study.summaries} sets of members at each scale (each member, each pair) and one score. It can be deleted at any time. `wee sweep rounding=float16` says what",
        "half precision changes in every number.",
        "",
        "## Evaluation",
        "",
        f"{study.evaluations / 1e6:,.0f} million images are evaluated. The rate depends on the network and the device; `make bench` and the progress bar of `wee evaluate` say what yours is.",
        "",
        "| images a second on one device | one member | all members, one device | all members, eight devices |",
        "| ---: | ---: | ---: | ---: |",
        *_evaluations(study, rates),
        "",
        f"Each member is one job, so there are {study.members * study.scales} jobs of `wee evaluate` (and as many of `wee train`). A job that is killed goes on from its last piece.",
        "",
        "## Sweep",
        "",
        f"A warm sweep of {study.settings} settings at each scale (single models, ensembles of two, windows of width 0.2 in both orders, two tasks, one score, no intervals),",
        "by one process:",
        "",
        "| | time | peak memory |",
        "| --- | ---: | ---: |",
        f"| extrapolated to ImageNet-C | {_minutes(seconds[1])} ({_minutes(seconds[0])} to {_minutes(seconds[2])}) | {_gb(memory[1])} ({_gb(memory[0])} to {_gb(memory[2])}) |",
        f"| a tenth of it, from the same rates | {_minutes(small[1])} ({_minutes(small[0])} to {_minutes(small[2])}) | {_gb(typical.sweep_bytes(tenth))} |",
        "",
        "In brackets: the same from the fastest and from the slowest round of every measurement. "
        f"The time of a sweep is modelled as {typical.seconds[0]:.2f} s + {1e3 * typical.seconds[1]:.2f} ms for each setting and",
        f"split + {1e9 * typical.seconds[2]:.0f} ns for each setting and image; a measured median deviates from it by up to {100 * typical.error(single):.0f} %. The first sweep also scores the logits, which",
        f"takes about as long as reading them once: {_minutes(study.logits(2) / measurements['reading'])} for float16 at {measurements['reading'] / GB:.1f} GB/s.",
        "",
        "Intervals (`bootstrap.resamples`) multiply the time: each resample costs about a quarter of the number itself, so that 1,000 of them take some 250 times as",
        "long. Choose sets and settings for them, and `runtime.processes`.",
        "",
        "## Measurements",
        "",
        "Medians of the rounds, the fastest and the slowest round in brackets. The last column is the peak memory of the largest process. Logits have 50 classes, because a warm sweep does not",
        "read them.",
        "",
        "| varied | images in a set | sets | members | scales | processes | settings | time | memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *_measured(everything),
        "",
        "Growth between the ends, as a power of what is varied: "
        + ", ".join(
            f"{along} {_power(everything, along):.2f}" for along in ("images", "sets", "members", "scales", "processes")
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


def _evaluations(study: Study, rates: Sequence[float]) -> Iterator[str]:
    for rate in rates:
        times = (study.samples / rate, study.evaluations / rate, study.evaluations / rate / 8)
        yield f"| {rate:,.0f} | " + " | ".join(f"{taken / HOUR:,.1f} h" for taken in times) + " |"


def _measured(everything: Sequence[dict[str, Any]]) -> Iterator[str]:
    for one in everything:
        size, times = one["size"], one["seconds"]
        names = (f"{size[name]:,}" for name in ("images", "sets", "members", "scales", "processes"))
        memory = f"{max(one['memory']) / GB:.2f} GB"
        yield (
            f"| {one['along']} | {' | '.join(names)} | {one['settings']} | {_median(times):.1f} s "
            f"({min(times):.1f} to {max(times):.1f}) | {memory} |"
        )


def _power(everything: Sequence[dict[str, Any]], along: str) -> float:
    ends = [one for one in everything if one["along"] == along]
    times = [_median(one["seconds"]) for one in (ends[0], ends[-1])]
    sizes = [one["size"][along] for one in (ends[0], ends[-1])]
    return float(np.log(times[1] / times[0]) / np.log(sizes[1] / sizes[0]))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _gb(count: float) -> str:
    return f"{count / GB:,.0f} GB" if count >= 10 * GB else f"{count / GB:,.1f} GB"


def _minutes(taken: float) -> str:
    return f"{taken / 60:,.1f} min" if taken < 2 * HOUR else f"{taken / HOUR:,.1f} h"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rate", type=float, action="append", help="images a second of one device; repeat for several")
    asked = parser.parse_args()
    sys.stdout.write(page(json.loads(MEASUREMENTS.read_text()), asked.rate or RATES))


if __name__ == "__main__":
    main()
