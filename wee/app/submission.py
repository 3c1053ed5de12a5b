"""Jobs that submitit runs, on a SLURM cluster or on this machine: submission, requeueing, waiting, and their results."""

from __future__ import annotations

import contextlib
import logging
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from wee.app.command import FOLDERS, JobError
from wee.app.console import progress
from wee.errors import WeeError
from wee.interruption import Leaving, Stopped, answer_with

log = logging.getLogger("wee")

POLL = 5.0
"""Seconds between two questions to SLURM about the states of jobs."""

PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""The shortest and the longest time between two looks for results of jobs, in seconds."""

LOOKS = 20
"""How many results are looked for in a second, so that many jobs do not slow down a shared file system.

More are, if there are so many jobs that the longest pause is too short for this."""

LATE = 30.0
"""How long a job's result may take to appear in the shared folder after the job has ended, in seconds."""

_ACTIVE = (
    "PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING",
    "RESV_DEL_HOLD", "REVOKED", "SIGNALING", "SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED",
)  # fmt: skip
"""States of SLURM's jobs that run, or may still run."""


@dataclass
class Submitted(JobReturn):
    """What is known of a job that was submitted and not waited for."""


class Job:
    """What a node runs: the task that a launcher of Hydra's plug-in runs, with signals answered as `wee` needs it.

    submitit answers the signal that announces a time-out or a preemption at once, by leaving the process. Here that is done
    between two steps of a training or between two batches of logits, when the work is saved.

    Args:
        launcher: the launcher of the plug-in, which composes a job's config and runs it.
    """

    def __init__(self, launcher: Any) -> None:
        self.launcher, self.folders = launcher, list(FOLDERS)

    def __call__(self, *arguments: Any) -> JobReturn:
        """Run a job.

        A job that is queued again ends without a result, whatever has become of the exception that should end it: a library
        may have replaced it, as Python does where it ends the import of an extension module.
        """
        FOLDERS[:] = self.folders
        leavings = self._answer_signals()
        try:
            result: JobReturn = self.launcher(*arguments)
        except Leaving as leaving:
            sys.exit(leaving.code)
        except Stopped as stopped:
            return failed(str(stopped))
        except Exception:
            if not leavings:
                raise
        if leavings:
            sys.exit(leavings[0].code)
        return result

    def checkpoint(self, *arguments: Any) -> Any:
        """Return what a requeued job runs: the same; it finds what this one has saved."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)

    def _answer_signals(self) -> list[Leaving]:
        """Set how this process answers signals.

        Returns:
            A list to which the exception is added that is raised when the job has been queued again.
        """
        from submitit.core.job_environment import JobEnvironment
        from submitit.core.utils import UncompletedJobError

        requeue_signal = JobEnvironment._usr_sig()
        requeue: Any = signal.getsignal(requeue_signal)
        leavings: list[Leaving] = []

        def leave() -> None:
            try:
                requeue(requeue_signal, None)
            except SystemExit as error:
                leavings.append(Leaving(error.code if isinstance(error.code, int) else 1))
                raise leavings[-1] from None
            except UncompletedJobError as error:
                raise Stopped(f"{error} What was finished is kept; the same command goes on from there.") from None
            except (subprocess.SubprocessError, OSError) as error:
                raise Stopped(f"SLURM did not requeue the job: {error}") from None

        def stay() -> None:
            log.info("asked to terminate: the job saves its state, and goes on until it is killed")

        answer_with({int(requeue_signal): leave, int(signal.SIGTERM): stay})
        return leavings


def failed(message: str) -> JobReturn:
    """Return the result of a job that failed for a reason that its user can read."""
    result = JobReturn(status=JobStatus.FAILED)
    result.return_value = JobError(message)
    return result


def log_of(job: Any) -> Path:
    """Return the path of a job's log."""
    error, output = Path(job.paths.stderr), Path(job.paths.stdout)
    return error if error.exists() and error.stat().st_size else output


def result_of(job: Any) -> JobReturn | None:
    """Return the result of a job; None if it has left none (yet)."""
    parts = [job.task(number) for number in range(job.num_tasks)]
    results = [_result(part) for part in parts]
    known = [result for result in results if result is not None]
    for result in known:
        if result.status != JobStatus.COMPLETED:
            return result
    return known[0] if known and len(known) == len(parts) else None


def _result(part: Any) -> JobReturn | None:
    """Return the result of one process of a job."""
    path = Path(part.paths.result_pickle)
    with contextlib.suppress(OSError):  # makes a network file system look again
        path.parent.chmod(path.parent.stat().st_mode)
    if not path.exists():
        return None
    try:
        outcome, result = pickle.loads(path.read_bytes())
    except (EOFError, pickle.UnpicklingError):  # not complete yet
        return None
    if outcome == "success" and isinstance(result, JobReturn):
        return result
    last = str(result).strip().splitlines()[-1]
    return failed(f"{last} (its log: {log_of(part)})")


@contextlib.contextmanager
def reported(what: str, hint: str = "") -> Iterator[None]:
    """Turn the errors of a submission into a message.

    Raises:
        WeeError: a job could not be submitted.
    """
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    try:
        yield
    except (FailedJobError, FailedSubmissionError, OSError) as error:
        raise WeeError(f"{what}: {str(error).strip()}{hint}") from None


@dataclass
class Queue:
    """Jobs that are started as places become free, and waited for.

    Attributes:
        count: the number of jobs.
        start: starts a job by its number, in a free place, and returns it as submitit knows it.
        places: how many may run at once.
        states: gives the state of each of some jobs, by id, as SLURM names it; None if the scheduler does not answer.
        every: the time between two questions to the scheduler, in seconds.
        late: how long a result may take to appear after a job has ended, in seconds.
        longest_pause: the longest time between two looks for results, in seconds.
    """

    count: int
    start: Callable[[int, int], Any]
    places: int
    states: Callable[[Sequence[Any]], dict[str, str] | None]
    every: float = POLL
    late: float = LATE
    longest_pause: float = LONGEST_PAUSE

    def run(self) -> list[JobReturn]:
        """Wait until all jobs have ended, and return their results in order."""
        results: dict[int, JobReturn] = {}
        running: dict[int, _Running] = {}
        free, waiting = list(range(self.places)), list(range(self.count))
        asked_at = news_at = time.monotonic()
        with progress("jobs") as bar:
            task = bar.add_task("waiting for jobs", total=self.count)
            while waiting or running:
                while waiting and free:
                    number, place = waiting.pop(0), free.pop(0)
                    running[number] = _Running(self.start(number, place), place)
                known = None
                if time.monotonic() - asked_at >= self.every:
                    known, asked_at = self.states([one.job for one in running.values()]), time.monotonic()
                for number, one in list(running.items()):
                    result = result_of(one.job)
                    if result is None and known is not None:
                        result = self._lost(one, known.get(one.job.job_id, ""))
                    if result is not None:
                        results[number], news_at = result, time.monotonic()
                        free.append(running.pop(number).place)
                        bar.advance(task)
                        _log_result(one.job, result)
                if running and not (waiting and free):
                    time.sleep(self._pause(len(running), time.monotonic() - news_at))
        return [results[number] for number in range(self.count)]

    def _pause(self, running: int, quiet: float) -> float:
        """Return how long to wait before the next look, in seconds: a tenth of the time without news, within limits."""
        return min(self.longest_pause, max(PAUSE, running / LOOKS, quiet / 10))

    def _lost(self, one: _Running, state: str) -> JobReturn | None:
        """Return the failure of a job that has ended without a result; None while it may still have one."""
        if state in _ACTIVE:
            one.ended = None
            return None
        now = time.monotonic()
        one.ended = now if one.ended is None else one.ended
        if now - one.ended < self.late * (4 if state == "PREEMPTED" else 1):  # a preempted job may be queued again
            return None
        why = f"its state is {state}" if state else "the scheduler does not know it any more"
        return failed(f"job {one.job.job_id} ended without a result ({why}); its log: {log_of(one.job)}")


@dataclass
class _Running:
    """A job that has been started.

    Attributes:
        job: the job, as submitit knows it.
        place: where it runs.
        ended: when the scheduler first said that it has ended; None if it has not.
    """

    job: Any
    place: int
    ended: float | None = None


def _log_result(job: Any, result: JobReturn) -> None:
    if result.status == JobStatus.COMPLETED:
        log.info(f"job {job.job_id} is done")
    else:
        log.error(f"job {job.job_id} failed: {getattr(result, '_return_value', '')}")


def local_states(jobs: Sequence[Any]) -> dict[str, str]:
    """Return the states of jobs that run in processes of this machine."""
    return {job.job_id: "RUNNING" if not job.done() else job.state for job in jobs}


_USUAL = ("None", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Cleaning")
"""Reasons for which jobs wait until it is their turn."""

_reasons: set[str] = set()
"""Reasons for waiting that were reported."""


def slurm_states(jobs: Sequence[Any]) -> dict[str, str] | None:
    """Ask SLURM for the states of jobs, and report unusual reasons for which they wait.

    `squeue` knows running and waiting jobs, and for some minutes those that have ended.

    Accounting (`sacct`) is not needed; where there is any, it knows the end of older jobs.

    Returns:
        The state of each job that SLURM knows, by its id; None if SLURM does not answer.
    """
    ids = [job.job_id for job in jobs]
    wanted = sorted({job.partition("_")[0] for job in ids})
    which = f"--jobs={','.join(wanted)}"
    asked = _ask(["squeue", "--noheader", "--array", "--all", "--states=all", "--format=%i|%T|%r", which])
    if asked is None:
        return None
    states = {}
    for line in asked.splitlines():
        job, state, reason = line.strip().split("|", 2)
        states[job] = state
        if state == "PENDING" and reason not in (*_USUAL, *_reasons):
            _reasons.add(reason)
            log.warning(
                f"job {job} waits: SLURM gives the reason {reason}. If it asks for too much, end it (scancel {job})"
            )
    if any(job not in states for job in ids):
        old = _ask(["sacct", "--noheader", "--allocations", "--parsable2", "--format=JobID,State", which])
        for line in (old or "").splitlines():
            job, _, state = line.partition("|")
            states.setdefault(job, state.split(" ")[0])
    return states


def _ask(command: list[str]) -> str | None:
    """Run a command of SLURM; None if there is no answer, and nothing if SLURM does not know the jobs any more."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode and "Invalid job id" in done.stderr:
        return ""
    return None if done.returncode else done.stdout
