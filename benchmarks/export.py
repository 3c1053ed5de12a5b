"""The runner of an exported cascade against the same cascade in torch: start-up, one image, and large batches."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from benchmarks.report import Report, Row
from wee.app.console import progress
from wee.app.paths import conf_dir
from wee.cascade.formats import EXPORT_FORMATS
from wee.cascade.module import Cascade, RunOptions
from wee.cascade.onnx_runner import OnnxCascade
from wee.data.draws.split import PerturbedDraws
from wee.data.roles import labelled
from wee.machine import torch_threads

CASCADE = Path("outputs/cascades/digits-tiny-cov10")
"""The cascade that is timed: the README's, after `make demo`."""

SINGLE, BATCH, ROUNDS, STARTS = 500, 256, 5, 5


def run(folder: Path, report: Report) -> None:
    """Both ways in turns, one thread each, on the test images of the digits."""
    if not CASCADE.is_dir():
        sys.stderr.write(f"export: there is no {CASCADE}; see the README for the command that makes it\n")
        return
    graphs = folder / "exported"
    shutil.rmtree(graphs, ignore_errors=True)
    graphs.mkdir(parents=True)
    EXPORT_FORMATS["onnx"].write(Cascade.load(CASCADE, RunOptions(channels_last=False)), graphs, lambda stages: None)
    split = labelled(yaml.safe_load((conf_dir() / "dataset" / "digits.yaml").read_text())).split("test")
    assert isinstance(split, PerturbedDraws)
    images, tensors = split.images, torch.from_numpy(split.images)
    live, runner = Cascade.load(CASCADE), OnnxCascade(graphs, threads=1)
    with torch_threads(1):
        _check(live, runner, images[:1024])
        ways: dict[str, Callable[[int, int], Any]] = {
            "torch": lambda start, stop: live(tensors[start:stop]),
            "onnx": lambda start, stop: runner(images[start:stop]),
        }
        single, large = _times(ways, 1, SINGLE), _times(ways, BATCH, 8)
    for what, times in (("one image", single), (f"{BATCH} images", large)):
        ours, torchs = statistics.median(times["onnx"]), statistics.median(times["torch"])
        note = f"median of {len(times['onnx']):,}; mean {1e3 * statistics.mean(times['onnx']):.3g} ms, one thread"
        report.add(Row(f"an exported cascade, {what}", ours, "torch", torchs, note))
    ours, torchs = _starts(graphs)
    report.add(Row("start-up of an exported cascade", ours, "torch", torchs, f"the whole process, median of {STARTS}"))


def _check(live: Cascade, runner: OnnxCascade, images: np.ndarray) -> None:
    expected, got = live(torch.from_numpy(images)), runner(images)
    if (expected.label.numpy() != got.label).any() or (expected.stage.numpy() != got.stage).any():
        raise SystemExit("both ways must decide alike")


def _times(ways: dict[str, Callable[[int, int], Any]], size: int, count: int) -> dict[str, list[float]]:
    """Seconds for each batch, by the way; both ways in turns, after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    with progress("batches") as bar:
        task = bar.add_task(f"batches of {size}", total=ROUNDS * len(ways) * count)
        for number in range(ROUNDS + 1):
            for name, work in ways.items():
                for start in range(0, count * size, size):
                    begin = time.perf_counter()
                    work(start, start + size)
                    if number:  # the first round warms up
                        times[name].append(time.perf_counter() - begin)
                bar.advance(task, count if number else 0)
    return times


def _starts(graphs: Path) -> tuple[float, float]:
    """Seconds of a process that loads the cascade: with the runner, and with torch; medians, in turns."""
    scripts = (
        f"from wee.cascade.onnx_runner import OnnxCascade; OnnxCascade({str(graphs)!r})",
        f"from wee.cascade.module import Cascade; Cascade.load({str(CASCADE)!r})",
    )
    times: list[list[float]] = [[], []]
    for _ in range(STARTS):
        for script, taken in zip(scripts, times, strict=True):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", script], check=True)
            taken.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])
