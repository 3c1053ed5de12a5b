"""Sweeps by several processes: the results of one process, failures that are reported alike, and processes that end."""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.helpers.command_line import receive_interrupts
from tests.helpers.stores import fill_store
from tests.helpers.sweeps import SPLITS, pool, small
from wee import machine
from wee.errors import WeeError
from wee.machine import processors
from wee.members.config import EnsembleConfig
from wee.method import kernels
from wee.method.metrics import plugins
from wee.store import LogitStore
from wee.store.derived import Derived
from wee.sweep import config as sweep_config
from wee.sweep import workers
from wee.sweep.cache import SummaryCache
from wee.sweep.config import (
    BootstrapConfig,
    ScoreConfig,
    ScoringConfig,
    SweepRuntimeConfig,
    TaskConfig,
    ValidationStudyConfig,
    WindowConfig,
)
from wee.sweep.results import TABLE, save
from wee.sweep.run import PoolSweep, Result, compute
from wee.sweep.validation import study

bootstrap = importlib.import_module("wee.method.bootstrap")  # `wee.method.bootstrap` is the function

PLUGIN = """
import os, pathlib, signal, time
from wee.errors import WeeError
from wee.sweep import workers
FIRST = int(os.environ["FIRST_PROCESS"])
class Metric:
    "A metric."
    higher_is_better = False
    percent = False
class Calm(Metric):
    def of_outcome(self, outcome, times):
        return float((~outcome.correct).sum() if times is None else times[~outcome.correct].sum())
class Refuses(Metric):
    def of_outcome(self, outcome, times):
        raise WeeError("this metric does not like these predictions")
class Breaks(Metric):
    def of_outcome(self, outcome, times):
        return 1 / 0
class Words(Metric):
    def of_outcome(self, outcome, times):
        raise OSError("the licence server is away")
class FussyError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")
class Fussy(Metric):
    def of_outcome(self, outcome, times):
        raise FussyError("a", "b")
class Exits(Metric):
    def of_outcome(self, outcome, times):
        raise SystemExit(3)
class Dies(Metric):
    def of_outcome(self, outcome, times):
        assert os.getpid() != FIRST
        os.kill(os.getpid(), signal.SIGKILL)
class Waits(Metric):
    def of_outcome(self, outcome, times):
        pathlib.Path(f"waiting-{os.getpid()}").touch()
        time.sleep(600)
"""

STORED = (
    "dataset=stored", "dataset.name=toy", "family=stored", "family.name=made", "name=t", "policy=paper",
    "task.names=[cov@20]",
)  # fmt: skip
"""Overrides of a sweep of a small store."""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of a user, with metrics."""
    name = f"metrics_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FIRST_PROCESS", str(os.getpid()))
    return name


def with_metric(name: str, **changes: object) -> Any:
    return small(task=TaskConfig(["cov@20"], [name]), **changes)


def same(first: Result, second: Result) -> None:
    pd.testing.assert_frame_equal(first.table(), second.table())
    assert "".join(first.lines) == "".join(second.lines)
    assert [rule.to_dict() for rule in first.rules] == [rule.to_dict() for rule in second.rules]
    assert len(first.draws) == len(second.draws)
    for ours, theirs in zip(first.draws, second.draws, strict=True):
        assert (ours is None and theirs is None) or np.array_equal(ours, theirs)  # type: ignore[arg-type]
    for mine, other in zip(first.thresholds, second.thresholds, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None and other is not None:
            np.testing.assert_equal(asdict(mine), asdict(other))


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_several_processes_compute_the_results_of_one(
    store: LogitStore, plugin: str, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resamples, certified metrics, fitted temperatures, OOD sets, plug-ins, and the table as text."""
    monkeypatch.setattr(workers, "START", start)
    networks = pool(store, "s1", splits=SPLITS)
    wanted = small(
        window=WindowConfig([0.1, 0.2, 0.4]),
        ensemble=EnsembleConfig(temperature=start == "fork"),
        task=TaskConfig(["cov@20"], ["aurc", f"{plugin}:Calm", "certified@40"]),
        bootstrap=BootstrapConfig(3),
        ood=["far"],
    )
    points: list[int] = []
    alone = compute(networks, wanted)
    together = compute(networks, wanted, done=points.append, processes=2)
    same(alone, together)
    assert len(together.lines) > len(alone.lines)  # in units of some settings
    assert sum(points) == wanted.points(networks)
    save(tmp_path / "text", {TABLE: together.table()}, {}, lines={TABLE: together.lines})
    save(tmp_path / "frame", {TABLE: alone.table()}, {})
    assert (tmp_path / "text" / TABLE).read_bytes() == (tmp_path / "frame" / TABLE).read_bytes()
    sets = ValidationStudyConfig([60, 120], draws=5)
    pd.testing.assert_frame_equal(study(networks, wanted, sets), study(networks, wanted, sets, processes=2))


@pytest.mark.parametrize("oods", [[], ["far"]])
def test_processes_find_draws_and_compiled_code(
    store: LogitStore, oods: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What forked processes would otherwise make again, each for every pool: no unit makes more of either."""
    pytest.importorskip("numba")
    kernels.load()  # the only time in this process, whichever test comes first
    monkeypatch.setattr(bootstrap, "_kept", type(bootstrap._kept)())
    for name in kernels._KERNELS:  # as in a new process: nothing is compiled
        function = getattr(kernels, name)
        monkeypatch.setattr(kernels, name, getattr(function, "py_func", function))
    kernels.load.__wrapped__()
    networks = pool(store, "s1", splits=SPLITS if oods else SPLITS[:2])
    task = TaskConfig(["cov@20"], ["accuracy", "nll", "aurc", "certified@40"])
    wanted = small(task=task, bootstrap=BootstrapConfig(70), ood=oods, score=ScoreConfig("msp", ["same", "energy"]))
    prepared = PoolSweep.of(networks, wanted, SummaryCache(ScoringConfig()))
    prepared.prepare_resamples()
    made = [(len(kernels.read.signatures), len(kernels.weigh.signatures)), set(bootstrap._kept)]
    assert min(made[0]) > 0
    for unit in prepared.units(2):
        prepared.compute(unit)
    assert [(len(kernels.read.signatures), len(kernels.weigh.signatures)), set(bootstrap._kept)] == made


def test_scores_are_computed_once_for_all_processes(
    store: LogitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def put(kept: Derived, name: str, identity: Any, arrays: Any) -> None:
        calls.append((os.getpid(), name, json.dumps(identity, sort_keys=True)))

    monkeypatch.setattr(Derived, "put", put)
    networks, cache = pool(store, "s2"), SummaryCache(ScoringConfig(threads=1), Derived(tmp_path))
    compute(networks, small(), cache, processes=2)
    assert {process for process, *_ in calls} == {os.getpid()}
    assert len(calls) == len(set(calls)) > 0


@pytest.mark.parametrize(
    ("metric", "kind", "message"),
    [
        ("Refuses", "WeeError", "this metric does not like these predictions"),
        ("Breaks", "ZeroDivisionError", "division by zero"),
        ("Words", "OSError", "the licence server is away"),
        ("Fussy", "FussyError", "a b"),
        ("Exits", "SystemExit", "3"),
    ],
)
def test_a_failure_in_another_process_is_that_of_one_process(
    store: LogitStore, plugin: str, metric: str, kind: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any type, as of wee's own code: what plug-ins raise is not put into words here."""
    monkeypatch.setattr(workers, "START", "fork")  # so that other processes have the next line as well
    monkeypatch.setattr(plugins, "call_plugin", lambda _kind, _name, function, *arguments: function(*arguments))
    networks = pool(store, "s1")
    for processes in (1, 2):
        with pytest.raises(BaseException, match=rf"^{message}$") as raised:
            compute(networks, with_metric(f"{plugin}:{metric}"), processes=processes)
        assert type(raised.value).__name__ == kind
    assert "in of_outcome" in str(raised.value.__cause__)  # the traceback of the other process
    assert _until(lambda: not multiprocessing.active_children())


def test_the_command_reports_a_failure_alike(plugin: str, tmp_path: Path) -> None:
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=60)
    messages = []
    for processes in (1, 2):
        changes = (f"task.metrics=[{plugin}:Breaks]", f"runtime.processes={processes}")
        done = subprocess.run(
            [sys.executable, "-m", "wee", "sweep", *STORED, *changes],
            cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True, check=False,
        )  # fmt: skip
        folder = max((tmp_path / "outputs" / "runs" / "sweep").iterdir(), key=os.path.getmtime)
        messages.append((done.returncode, done.stderr.partition("wee sweep: ")[2].replace(str(folder), "FOLDER")))
        assert "return 1 / 0" in (folder / "sweep.log").read_text()
    assert messages[0] == messages[1]
    assert messages[0][0] == 1
    assert messages[0][1].startswith(f"the metric {plugin}:Breaks raised ZeroDivisionError: division by zero (")


def test_a_killed_process_is_reported(store: LogitStore, plugin: str) -> None:
    message = (
        r"one of the 2 processes of this sweep \(runtime.processes\) was ended by SIGKILL.* processes=1 needs less"
    )
    with pytest.raises(WeeError, match=message.replace("processes=1", "runtime.processes=1")):
        compute(pool(store, "s1"), with_metric(f"{plugin}:Dies"), processes=2)
    assert _until(lambda: not multiprocessing.active_children())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGUSR2, signal.SIGKILL])
def test_all_processes_end_with_the_first(plugin: str, tmp_path: Path, how: signal.Signals) -> None:
    """After signals that reach all of them, and if the first one is killed; then once their unit is done."""
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=60)
    source = tmp_path / f"{plugin}.py"
    source.write_text(
        source.read_text().replace("time.sleep(600)", f"time.sleep({600 if how == signal.SIGINT else 1})")
    )
    arguments = [*STORED, f"task.metrics=[{plugin}:Waits]", "runtime.processes=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wee", "sweep", *arguments],
        cwd=tmp_path, env=_environment(tmp_path), stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=receive_interrupts,
    )  # fmt: skip
    waiting = _until(lambda: found if len(found := list(tmp_path.glob("waiting-*"))) == 2 else None)
    if how == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, how)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in errors
    if how == signal.SIGINT:
        assert errors.count("wee sweep: interrupted") == 1
    assert _until(lambda: not any(_runs(int(path.name.partition("-")[2])) for path in waiting))


def test_a_job_that_is_requeued_ends_all_processes(plugin: str, tmp_path: Path) -> None:
    """A scheduler sends SIGUSR2 to all processes of a job; the first one answers, and leaves with its exit code."""
    fill_store(tmp_path / "outputs" / "store", scales=("s1",), count=60)
    job = (
        "import signal, sys\nfrom wee.cli import main\nfrom wee.interruption import Leaving, answer_with\n"
        "def leave():\n    raise Leaving(7)\n"
        "answer_with({signal.SIGUSR2: leave, signal.SIGTERM: lambda: None})\n"
        "try:\n    main()\nexcept Leaving as leaving:\n    sys.exit(leaving.code)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", job, "sweep", *STORED, f"task.metrics=[{plugin}:Waits]", "runtime.processes=2"],
        cwd=tmp_path, env=_environment(tmp_path), stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    waiting = _until(lambda: found if len(found := list(tmp_path.glob("waiting-*"))) == 2 else None)
    os.killpg(process.pid, signal.SIGUSR2)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 7
    assert "Traceback" not in errors
    assert _until(lambda: not any(_runs(int(path.name.partition("-")[2])) for path in waiting))


class Numbers:
    """Work whose results are the first settings of the units."""

    def compute(self, unit: workers.Unit, done: Any) -> int:
        return unit.start


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[signal.Signals], None]]:
    """Sends a signal to each new process before it has begun; this process has handlers for all signals."""
    serve = workers._serve
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in signals}

    def send(number: signal.Signals) -> None:
        def serve_after_signal(*arguments: Any) -> None:
            os.kill(os.getpid(), number)
            serve(*arguments)

        monkeypatch.setattr(workers, "_serve", serve_after_signal)

    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda number, frame: None)
    yield send
    for number, handler in before.items():
        signal.signal(number, handler)


UNITS = [workers.Unit(0, start, start + 1, 1) for start in range(6)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR2])
def test_signals_to_a_process_that_has_just_been_started_are_left_to_the_first(
    early: Callable[[signal.Signals], None], number: signal.Signals
) -> None:
    early(number)
    assert list(workers.compute_units(Numbers(), UNITS, processes=2)) == [0, 1, 2, 3, 4, 5]


class Slow:
    """Work of which the first unit ends after the last; its results are the processes that computed the units."""

    def __init__(self) -> None:
        self.ended = multiprocessing.get_context(workers.START).Event()

    def compute(self, unit: workers.Unit, done: Any) -> int:
        if unit.start == 4:
            self.ended.set()
        assert unit.start != 0 or self.ended.wait(60)
        return os.getpid()


@pytest.mark.skipif(workers.START != "fork", reason="the event is inherited")
def test_no_unit_waits_for_a_slow_process_at_the_end() -> None:
    slow, *others = workers.compute_units(Slow(), UNITS[:5], processes=2)
    assert slow not in others


def test_a_process_that_has_just_been_started_can_be_ended(early: Callable[[signal.Signals], None]) -> None:
    """Although the first process, a job of a scheduler, does not end at SIGTERM."""
    early(signal.SIGTERM)
    with pytest.raises(WeeError, match="was ended by SIGTERM"):
        list(workers.compute_units(Numbers(), UNITS, processes=2))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set(), "the first process receives signals again"


def _environment(plugins: Path) -> dict[str, str]:
    """The environment of a command that finds plug-ins in a folder."""
    return {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{plugins}"}


def _until(condition: Any) -> Any:
    """Return the value of a condition once it is true."""
    for _ in range(600):
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not become true in 30 seconds")


def _runs(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_is_logged_elsewhere_is_shown_here(caplog: pytest.LogCaptureFixture) -> None:
    class Chatty:
        def compute(self, unit: workers.Unit, done: Any) -> int:
            logging.getLogger("wee").warning("unit %d", unit.start)
            return os.getpid()

    units = [workers.Unit(0, start, start + 1, 1) for start in range(6)]
    found = list(workers.compute_units(Chatty(), units, processes=2))
    assert os.getpid() not in found
    assert sorted(caplog.messages) == [f"unit {start}" for start in range(6)]


def test_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_config, "processors", lambda: 8)
    assert [SweepRuntimeConfig().processes_for(seconds) for seconds in (0.5, 5.0, 1e4)] == [1, 2, 8]
    assert SweepRuntimeConfig(threads=2).processes_for(1e4) == 2
    assert SweepRuntimeConfig(processes=3).processes_for(0.1) == 3
    monkeypatch.setattr(sweep_config, "jobs_at_once", lambda: 4)
    assert SweepRuntimeConfig().processes_for(1e4) == 2
    assert machine.jobs_at_once() == 1
    for count in (0, -2):
        with pytest.raises(
            WeeError, match=f"runtime.processes is {count}: it is a number of processes, counted from 1"
        ):
            SweepRuntimeConfig(processes=count)


def test_a_process_uses_its_share_of_the_processors() -> None:
    class Counts:
        def compute(self, unit: workers.Unit, done: Any) -> int:
            return processors()

    units = [workers.Unit(0, 0, 1, 1), workers.Unit(1, 0, 1, 1)]
    assert list(workers.compute_units(Counts(), units, processes=2)) == [max(1, processors() // 2)] * 2
