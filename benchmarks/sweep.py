"""The sweep at ImageNet's size: cold, warm, a further point, a bootstrap, and how time grows."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from benchmarks import baseline
from benchmarks.data import IMAGENET, MACS, make
from benchmarks.report import Report, Row, run_measured, seconds
from wee.data.splits import SplitName
from wee.method import (
    CONVENTIONS,
    Convention,
    Metric,
    Outcome,
    RankedOutcome,
    Stages,
    Summary,
    Task,
    Window,
    bootstrap,
    kernels,
    summarise,
)
from wee.method.bootstrap import draws
from wee.method.kernels import LANES
from wee.store import Address, Entry, LogitStore

TASKS = ["cov@5", "cov@10", "risk@50", "risk@80", "fpr@80", "fpr@95"]
SELECTIVE = ["cov@5", "cov@10", "risk@50", "risk@80", "aurc", "augrc"]
WIDTHS = [0.05, 0.1, 0.2, 0.4, 0.8]
SCORES = ["msp", "energy"]
LARGE = "imagenet-sized"
ROUNDS = 5
OVERRIDES = [
    "dataset=stored", f"dataset.name={LARGE}", "family=stored", "family.name=synthetic", "name=bench",
    f"task.names=[{','.join(TASKS)}]", "task.metrics=[aurc,auroc]", "policy.names=[single,ensemble,window,threshold]",
    f"window.width=[{','.join(map(str, WIDTHS))}]", f"score.exit=[{','.join(SCORES)}]",
    f"score.evaluation=[{','.join(SCORES)}]",
]  # fmt: skip


def run(folder: Path, report: Report) -> None:
    """All of it."""
    make(folder / "store", LARGE, IMAGENET, 1000)
    whole_sweep(folder, report)
    two_processes(folder, report)
    points(folder, report)
    growth(folder, report)


def whole_sweep(folder: Path, report: Report) -> None:
    """Two orders, five widths, six tasks, four policies, two scores, two OOD sets: as a command, imports included."""
    shutil.rmtree(folder / "store" / ".scores" / LARGE, ignore_errors=True)
    reading = _timed(lambda: _read_once(folder))
    cold = _sweep(folder, "runtime.processes=1")
    warm = _sweep(folder, "runtime.processes=1")
    table = pd.read_csv(next((folder / "sweeps" / "bench").glob("*/table.csv")))
    plain, settings = _baseline(folder, table)
    keys = ["members", "policy", "width", "fraction", "score", "task"]
    count = len(table.drop_duplicates(keys))
    note = f"{count} settings, {len(table):,} numbers; peak memory "
    each = f"a plain setting ({seconds(plain)}) x {count}, from {settings}"
    report.add(Row("sweep, cold", cold[0], each, plain * count, note + f"{cold[1] / 2**30:.2f} GiB"))
    report.add(Row("sweep, cold", cold[0], "reading the same bytes once", reading))
    report.add(Row("sweep, warm", warm[0], each, plain * count, note + f"{warm[1] / 2**30:.2f} GiB"))
    report.add(Row("sweep, warm", warm[0], "reading the same bytes once", reading))


def two_processes(folder: Path, report: Report) -> None:
    """The warm sweep, and a bootstrapped sweep of few settings, by one process and by two, in turns."""
    few = ["policy.names=[single,window]", "window.width=0.2", "task.names=[cov@5]", "score.exit=msp"]
    few += ["score.evaluation=msp", "bootstrap.resamples=64"]
    for what, overrides in (("sweep, warm", []), ("sweep with 64 resamples, few settings, warm", few)):
        times: dict[int, list[float]] = {1: [], 2: []}
        memory = dict.fromkeys(times, 0)
        for _ in range(ROUNDS):
            for processes, taken in times.items():
                seconds_taken, bytes_used = _sweep(folder, *overrides, f"runtime.processes={processes}")
                taken.append(seconds_taken)
                memory[processes] = max(memory[processes], bytes_used)
        ratios = [two / one for one, two in zip(times[1], times[2], strict=True)]
        one, two = (statistics.median(times[processes]) for processes in (1, 2))
        note = (
            f"two take {two / one:.3f} times as long; ratio of a pair from {min(ratios):.3f} to {max(ratios):.3f}; peak memory "
            f"of a process {memory[1] / 2**30:.2f} and {memory[2] / 2**30:.2f} GiB"
        )
        report.add(Row(f"{what}, two processes", two, f"one process (medians of {ROUNDS})", one, note))


def points(folder: Path, report: Report) -> None:
    """A further point of a sweep whose scores are there; and a bootstrap."""
    logits, labels = _arrays(folder)
    stages = {}
    for split in ("val", "test"):
        summaries = summarise(logits[split], labels[split], [(0,), (0, 1)], SCORES)
        ids = np.arange(len(labels[split])).astype("S")
        stages[split] = Stages([summaries[0,], summaries[0, 1]], [MACS, 2 * MACS], ids)
    metrics = [Metric.parse(name) for name in SELECTIVE]
    tasks = [Task.parse(name) for name in ("cov@5", "risk@80")]
    widths = np.linspace(0.01, 0.99, 100).tolist()

    def point(task: Task, width: float) -> Outcome:
        outcome = stages["test"].at(Window(task, width).fit(stages["val"])(stages["test"]))
        ranking = RankedOutcome(outcome, "msp")
        for metric in metrics:
            metric.of_ranking(ranking)
        return outcome

    def sorted_again(task: Task, width: float) -> None:
        outcome = stages["test"].at(Window(task, width).fit(stages["val"])(stages["test"]))
        for metric in metrics:
            summary = _alone(outcome)
            metric.of_ranking(RankedOutcome(summary.at(np.zeros(len(outcome), dtype=int)), "msp"))

    outcome = point(tasks[0], 0.2)
    ours = _timed(lambda: [point(task, w) for task in tasks for w in widths]) / (len(tasks) * len(widths))
    plain = _timed(lambda: [sorted_again(task, w) for task in tasks for w in widths[::10]]) / (len(tasks) * 10)
    note = f"{len(SELECTIVE)} metrics of one score, 50,000 samples; {1 / ours:,.0f} points a second"
    report.add(Row("one further sweep point", ours, "sorting for each metric", plain, note))

    resampling(outcome, report)


def resampling(outcome: Outcome, report: Report) -> None:
    """A bootstrap with 1,000 resamples: compiled, one resample after the other in numpy, and sorting each of them."""
    groups = np.arange(len(outcome))
    blocks = range(-(-1000 // LANES))
    each = _timed(lambda: [draws(len(groups), number) for number in blocks])
    report.add(Row("drawing 1,000 resamples, once a sweep", each, note=f"{len(groups):,} samples"))
    again = _timed(lambda: [draws(len(groups), number).max() for number in blocks], best_of=3)
    if not kernels.load():
        raise SystemExit("this needs numba: pip install numba")
    first = _timed(lambda: bootstrap(RankedOutcome(outcome, "msp"), [Metric.parse("cov@5")], groups, count=1))
    report.add(Row("compiling the bootstrap, or reading it from disk", first, note="once a process"))
    scores, correct = outcome.scores["msp"], outcome.correct
    rng = np.random.default_rng(0)

    def resampled(metrics: list[Metric], convention: Convention, count: int) -> None:
        bootstrap(RankedOutcome(outcome, "msp", None, convention), metrics, groups, count=count)

    def sorted_again() -> None:
        index = rng.integers(len(groups), size=len(groups))
        baseline._point("cov@5", baseline._curve(scores[index], correct[index])[1])

    plain = _timed(lambda: [sorted_again() for _ in range(50)]) * 20
    for names in (["cov@5"], SELECTIVE):
        metrics = [Metric.parse(name) for name in names]
        for convention in CONVENTIONS:
            ours = _timed(resampled, metrics, convention, 1000, best_of=5)
            with patch.object(kernels, "load", lambda: False):
                numpy = _timed(resampled, metrics, convention, 100, best_of=2) * 10
            what = (
                f"bootstrap of {'Cov@5' if len(names) == 1 else f'{len(names)} metrics'}, 1,000 resamples, {convention}"
            )
            note = f"{', '.join(names)}; 50,000 samples"
            report.add(Row(what, ours, "one by one in numpy (100 timed)", numpy, note))
            report.add(Row(what, ours, "reading the draws once", again))
            if (names, convention) == (["cov@5"], "paper"):
                report.add(Row(what, ours, "sorting each (50 timed)", plain))


def growth(folder: Path, report: Report) -> None:
    """How time grows with samples, classes, members and settings: exponents between the ends."""
    sizes = [25_000, 50_000, 100_000, 200_000]
    scoring, sweeping = [], []
    for n in sizes:
        logits, labels = _made(folder, f"growing-{n}", n, 100, 2)
        scoring.append(_timed(_score, logits, labels, best_of=3))
        sweeping.append(_timed(_settings, _score(logits, labels), 40))
    report.add(_grown("scoring, 100 classes", "samples", sizes, scoring))
    report.add(_grown("40 settings, 100 classes", "samples", sizes, sweeping))
    classes, times = [100, 250, 500, 1000], []
    for c in classes:
        logits, labels = _made(folder, f"growing-{c}-classes", 25_000, c, 2)
        times.append(_timed(_score, logits, labels, best_of=3))
    report.add(_grown("scoring, 25,000 samples", "classes", classes, times))
    members, times = [2, 3, 4], []
    logits, labels = _made(folder, "growing-members", 50_000, 500, 4)
    for m in members:
        times.append(_timed(_score, logits[:m], labels, best_of=3))
    report.add(_grown("scoring every summary, 50,000 x 500", "members", members, times))
    counts, times = [40, 80, 160], []
    logits, labels = _made(folder, "growing-25000", 25_000, 100, 2)
    summaries = _score(logits, labels)
    for count in counts:
        times.append(_timed(_settings, summaries, count))
    report.add(_grown("settings, 25,000 samples", "settings", counts, times))


def _grown(what: str, along: str, sizes: list[int], times: list[float]) -> Row:
    exponent = np.log(times[-1] / times[0]) / np.log(sizes[-1] / sizes[0])
    listed = ", ".join(f"{size:,}: {seconds(one)}" for size, one in zip(sizes, times, strict=True))
    return Row(f"{what}, by {along}", times[-1], "", None, f"{listed}; grows with the power {exponent:.2f}")


def _score(logits: list[np.ndarray], labels: np.ndarray) -> list[Any]:
    sets = [tuple(range(k + 1)) for k in range(len(logits))]
    found = summarise(logits, labels, sets, SCORES)
    return [found[members] for members in sets]


def _settings(summaries: list[Any], count: int) -> None:
    stages = Stages(summaries, [float(k + 1) for k in range(len(summaries))], np.arange(len(summaries[0])).astype("S"))
    metrics = [Metric.parse(name) for name in SELECTIVE]
    for width in np.linspace(0.01, 0.99, count).tolist():
        outcome = stages.at(Window(Task.parse("cov@5"), width).fit(stages)(stages))
        ranking = RankedOutcome(outcome, "msp")
        for metric in metrics:
            metric.of_ranking(ranking)


def _alone(outcome: Outcome) -> Stages:
    """An outcome as if nothing about it had been sorted."""
    fields = ("confidence", "label", "correct", "top5", "log_prob", "brier")
    summary = Summary(dict(outcome.scores), *(getattr(outcome, field) for field in fields))
    return Stages([summary], [MACS], outcome.stages.ids)


def _sweep(folder: Path, *overrides: str) -> tuple[float, int]:
    """Seconds and peak memory in bytes of the whole command; of several processes, the memory of the largest."""
    shutil.rmtree(folder / "sweeps" / "bench", ignore_errors=True)
    command = [sys.executable, "-m", "wee", "sweep", *OVERRIDES, f"paths.outputs={folder}", *overrides]
    return run_measured(command)


def _baseline(folder: Path, table: pd.DataFrame) -> tuple[float, int]:
    """Seconds of one plain setting, and how many were timed. Their numbers must be those of the sweep."""
    logits, labels = _arrays(folder)
    settings = [
        baseline.Windowed((0, 1), "msp", "cov@5", 0.2),
        baseline.Windowed((1, 0), "energy", "fpr@95", 0.1),
        baseline.Windowed((0, 1), "energy", "risk@80", 0.4),
    ]
    start = time.perf_counter()
    found = [baseline.run(setting, logits, labels, [MACS, MACS]) for setting in settings]
    taken = (time.perf_counter() - start) / len(settings)
    for setting, numbers in zip(settings, found, strict=True):
        compare(setting, numbers, table)
    return taken, len(settings)


def compare(setting: baseline.Windowed, numbers: dict[str, float], table: pd.DataFrame) -> None:
    """Stop unless the baseline and the sweep agree about a setting."""
    rows = table[(table.members == "+".join(map(str, setting.order))) & (table.policy == "window")]
    rows = rows[
        (rows.score == setting.score) & (rows.task == setting.task) & (rows.width.astype(str) == str(setting.width))
    ]
    compared = 0
    for row in rows.itertuples():
        kind = "adjusted" if row.adjusted else "plain"
        place = row.split if isinstance(row.ood, float) else f"ood-{row.ood} {kind}"
        for name, value in ((f"{place} {row.metric} {row.eval_score}", row.value), (f"{place} macs", row.macs)):
            if not np.isclose(numbers[name], value, rtol=1e-9, atol=1e-9):
                raise SystemExit(f"{setting}: {name} is {value} in the sweep and {numbers[name]} in the baseline")
            compared += 1
    if compared < 60:
        raise SystemExit(f"{setting}: only {compared} numbers were compared")


def _arrays(folder: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    entries = {split: [_entry(folder, LARGE, split, m) for m in range(2)] for split in IMAGENET}
    logits = {split: [entry.logits for entry in both] for split, both in entries.items()}
    return logits, {split: np.asarray(both[0].labels) for split, both in entries.items()}


def _made(folder: Path, name: str, samples: int, classes: int, members: int) -> tuple[list[np.ndarray], np.ndarray]:
    make(folder / "store", name, {"test": samples}, classes, members)
    entries = [_entry(folder, name, "test", m) for m in range(members)]
    return [entry.logits for entry in entries], np.asarray(entries[0].labels)


def _entry(folder: Path, dataset: str, split: str, member: int) -> Entry:
    (entry,) = LogitStore(folder / "store").find(Address(dataset, "synthetic", "s", member, SplitName.parse(split)))
    return entry


def _read_once(folder: Path) -> None:
    buffer = bytearray(2**24)
    for split in IMAGENET:
        for member in range(2):
            with (_entry(folder, LARGE, split, member).folder / "logits.npy").open("rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def _timed(work: Callable[..., Any], *arguments: Any, best_of: int = 1) -> float:
    times = []
    for _ in range(best_of):
        start = time.perf_counter()
        work(*arguments)
        times.append(time.perf_counter() - start)
    return min(times)
