"""`python -m benchmarks.scale [--rate RATE]`: what ImageNet-C needs: the page docs/scale.md.

The numbers are computed from the measurements in `benchmarks/scale.json`, which `make bench SCALE=scaling` makes, and from a
rate of evaluation that depends on the device and the network.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEASUREMENTS = Path(__file__).with_name("scale.json")
TEMPLATE = Path(__file__).with_name("scale_page.md")
ALONG = ("images", "sets", "members", "scales")
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
    everything, scoring = measurements["measured"], measurements["scoring"]
    single = [one for one in everything if one["size"]["processes"] == 1]
    models = [Model.of(single, pick) for pick in (_median, min, max)]
    typical, study = models[0], Study()
    tenth = replace(study, images=study.images // 10, clean=study.clean // 10)
    all_members = study.members * study.scales
    each = [taken / scoring["images"] for taken in scoring["seconds"]]
    one, two = (_median(pair["seconds"]) for pair in everything if pair["along"] == "processes")
    values = {
        **asdict(study),
        "machine": measurements["machine"],
        "date": measurements["date"],
        "count": all_members,
        "member16": _gb(study.logits(2) / all_members),
        "member32": _gb(study.logits(4) / all_members),
        "logits16": _gb(study.logits(2)),
        "logits32": _gb(study.logits(4)),
        "kept": _gb(study.kept()),
        "evaluations": study.evaluations / 1e6,
        "rates": "\n".join(_evaluations(study, rates)),
        "scoring": _spread([study.samples * study.scales * pick(each) for pick in (_median, min, max)], _time),
        "time": _spread([model.sweep_seconds(study) for model in models], _time),
        "memory": _spread([model.sweep_bytes(study) for model in models], _gb),
        "small_time": _spread([model.sweep_seconds(tenth) for model in models], _time),
        "small_memory": _spread([model.sweep_bytes(tenth) for model in models], _gb),
        "start": typical.seconds[0],
        "split": 1e3 * typical.seconds[1],
        "sample": 1e9 * typical.seconds[2],
        "error": 100 * typical.error(single),
        "bytes": typical.memory[1],
        "reading": _time(study.logits(4) / 500e6),
        "two": two / one,
        "rounds": len(everything[0]["seconds"]),
        "measured_classes": measurements["classes"],
        "measured": "\n".join(_measured(everything)),
        "powers": ", ".join(f"{along} {_power(everything, along):.2f}" for along in ALONG),
    }
    return TEMPLATE.read_text().format_map(values)


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


def _time(taken: float) -> str:
    return f"{taken / 60:,.1f} min" if taken < 2 * HOUR else f"{taken / HOUR:,.1f} h"


def _spread(values: Sequence[float], write: Callable[[float], str]) -> str:
    """Return a typical value, and the smallest and the largest of all values in brackets."""
    return f"{write(values[0])} ({write(min(values))} to {write(max(values))})"


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rate", type=float, action="append", help="images a second of one device; repeat for several")
    asked = parser.parse_args()
    sys.stdout.write(page(json.loads(MEASUREMENTS.read_text()), asked.rate or RATES))


if __name__ == "__main__":
    main()
