"""A process that has imported wee already, and forks a child for each command: hundreds of commands in minutes.

A child is a process of its own. It runs the command line as `python -m wee` does, can be killed at any moment, and shares
nothing with the next one. `python -m tests.helpers.job_server` is the server; `JobServer` starts it and talks to it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
"""The environment of the server: one thread, because threads do not survive a fork."""

TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Job:
    """A command to run.

    Attributes:
        arguments: what follows `wee` on the command line.
        cwd: the folder in which it is given.
        kill_after: the time after which it is killed by SIGKILL, in seconds; None for never.
        from_work: whether that time counts from the beginning of its work, when its log appears, and not from its start.
        limit: the time after which it counts as hanging, in seconds; it is killed then.
        file_limit: the largest file that it may write, in bytes; None for no limit.
        memory_limit: the largest address space, in bytes; None for no limit.
        hook: a function `module:name` that is called in the process first, for instance to move its clock.
        argument: the argument of that function.
        environment: variables that are set.
    """

    arguments: Sequence[str]
    cwd: str
    kill_after: float | None = None
    from_work: bool = False
    limit: float = 120.0
    file_limit: int | None = None
    memory_limit: int | None = None
    hook: str = ""
    argument: Any = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What became of a job.

    Attributes:
        code: the exit code; negative for a signal.
        out, err: what it wrote.
        seconds: the time that it took.
        started_work: the time after which its log appeared, in seconds; 0 if it did not.
        timed_out: whether it was killed because it had taken longer than its limit.
    """

    code: int
    out: str
    err: str
    seconds: float
    timed_out: bool = False
    started_work: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL

    @property
    def text(self) -> str:
        """Everything that it wrote."""
        return self.out + self.err


class JobServer:
    """Runs commands in children of a process that has imported wee.

    Example:
        with JobServer() as server:
            done = server.run("train", "scale=s1", cwd=folder)
    """

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.job_server"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)

    def run(self, *arguments: str, cwd: Path, **options: Any) -> Done:
        """Run one command; the options are those of `Job`."""
        (done,) = self.run_all([Job(arguments, str(cwd), **options)])
        return done

    def run_all(self, jobs: Sequence[Job]) -> list[Done]:
        """Run several commands at the same time."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self._server.stdin.flush()
        line = self._server.stdout.readline()
        assert line, "the server of jobs has died"
        return [Done(**done) for done in json.loads(line)]


def serve(requests: io.TextIOBase, answers: io.TextIOBase) -> None:
    """Answer requests, a line of JSON each, until there are no more."""
    _import_wee()
    for line in requests:
        jobs = [Job(**job) for job in json.loads(line)]
        answers.write(json.dumps([asdict(done) for done in _run_all(jobs)]) + "\n")
        answers.flush()


def _import_wee() -> None:
    """Import what commands import, without running an operation of torch: its threads would not survive a fork."""
    import torch

    from wee.commands import COMMANDS, module_of

    torch.set_num_threads(1)
    for module in (
        "lightning.pytorch.loggers", "timm", "pandas", "numba", "matplotlib.pyplot", "sklearn.datasets", "moocore",
        "safetensors.torch", "torchmetrics.classification", "fvcore.nn", "onnx", "onnxruntime", "rich.table", "PIL.Image",
        "timm.data.transforms_factory", "timm.data.config", "torch._dynamo", "hydra.core.global_hydra",
        *(module_of(command) for command in COMMANDS),
        "wee.lit.fit", "wee.lit.record", "wee.sweep.run", "wee.sweep.differences", "wee.cascade.workshop",
        "wee.cascade.card", "wee.cascade.module", "wee.cascade.predict", "wee.data.samples", "wee.data.images.split",
        "wee.data.logit_files", "wee.figures.draw", "wee.costs.macs", "wee.sweep.validation", "wee.sweep.fronts",
    ):  # fmt: skip
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


def _run_all(jobs: Sequence[Job]) -> list[Done]:
    with contextlib.ExitStack() as stack:
        running = [_Running(job, stack) for job in jobs]
        while not all([child.ended() for child in running]):  # noqa: C419  # each is asked
            time.sleep(0.002)
        return [child.done() for child in running]


class _Running:
    """A child that runs a job."""

    def __init__(self, job: Job, stack: contextlib.ExitStack) -> None:
        self.job, self.timed_out, self.seconds = job, False, 0.0
        self.code: int | None = None
        self.started_work = 0.0
        self._logs = Path(job.cwd, "outputs", "runs", job.arguments[0]) if job.arguments else Path(job.cwd)
        self._logs_before = self._count_logs()
        # Pipes, because a limit on the size of files holds for files that a job writes its messages to as well.
        ends = [os.pipe() for _ in range(2)]
        self._texts = [b"", b""]
        self._started = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            _child(job, *(write for _, write in ends))
        for read, write in ends:
            os.close(write)
            os.set_blocking(read, False)
            stack.callback(os.close, read)
        self._read_ends = [read for read, _ in ends]

    def ended(self) -> bool:
        """Whether the child has ended; kill it if it is time."""
        if self.code is not None:
            return True
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        self.seconds = time.monotonic() - self._started
        for place, end in enumerate(self._read_ends):
            with contextlib.suppress(BlockingIOError):
                while part := os.read(end, 2**16):
                    self._texts[place] += part
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)  # what it has left behind
            return True
        if not self.started_work and self._count_logs() > self._logs_before:
            self.started_work = self.seconds
        late = self.seconds > self.job.limit
        if late or self._is_to_be_killed():
            self.timed_out = self.timed_out or late
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        return False

    def _count_logs(self) -> int:
        return len(list(self._logs.glob("*/*.log")))

    def _is_to_be_killed(self) -> bool:
        if self.job.kill_after is None or (self.job.from_work and not self.started_work):
            return False
        return self.seconds > self.job.kill_after + (self.started_work if self.job.from_work else 0.0)

    def done(self) -> Done:
        assert self.code is not None
        out, err = (text.decode(errors="replace") for text in self._texts)
        return Done(self.code, out, err, self.seconds, self.timed_out, self.started_work)


def _child(job: Job, out: int, err: int) -> None:
    """Run a job as `python -m wee` would, and end the process."""
    code = 70
    try:
        os.setsid()
        for descriptor, place in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(descriptor, place)
        for name, place in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
            setattr(sys, name, open(place, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115
        os.chdir(job.cwd)
        os.environ.update(job.environment)
        for kind, limit in ((resource.RLIMIT_FSIZE, job.file_limit), (resource.RLIMIT_AS, job.memory_limit)):
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(kind, (limit, limit))
        if job.hook:
            module, _, name = job.hook.partition(":")
            getattr(importlib.import_module(module), name)(job.argument)
        code = _main(job.arguments)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _main(arguments: Sequence[str]) -> int:
    sys.argv = ["wee", *arguments]
    warnings.filterwarnings("ignore", message=".*found in sys.modules after import of package", category=RuntimeWarning)
    try:
        runpy.run_module("wee", run_name="__main__", alter_sys=False)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        sys.stderr.write(f"{error.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


@contextlib.contextmanager
def many(number: int) -> Iterator[list[JobServer]]:
    """Start several servers, to run independent cases at the same time."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(JobServer()) for _ in range(number)]


if __name__ == "__main__":
    from wee.compat import repair_on_import

    repair_on_import()
    serve(sys.stdin, os.fdopen(os.dup(1), "w"))  # type: ignore[arg-type]
