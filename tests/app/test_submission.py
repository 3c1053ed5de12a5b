"""Waiting for jobs that submitit runs, with a clock that does not take time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus

from wee.app import submission
from wee.app.submission import LONGEST_PAUSE, LOOKS, PAUSE, Queue, failed
from wee.interruption import Leaving, answer_with


class Clock:
    """A clock that advances when somebody sleeps, and counts the looks for results."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.looks = 0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Job:
    """A job that ends at some time."""

    def __init__(self, number: int, ends: float) -> None:
        self.job_id, self.ends = str(number), ends


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def result(job: Job) -> JobReturn | None:
        clock.looks += 1
        return JobReturn(status=JobStatus.COMPLETED) if clock.now >= job.ends else None

    monkeypatch.setattr(submission, "time", clock)
    monkeypatch.setattr(submission, "result_of", result)
    return clock


def running(jobs: Sequence[Any]) -> dict[str, str]:
    return {job.job_id: "RUNNING" for job in jobs}


def wait(clock: Clock, lengths: Sequence[float], places: int | None = None, **options: Any) -> list[JobReturn]:
    def start(number: int, place: int) -> Job:
        return Job(number, clock.now + lengths[number])

    return Queue(len(lengths), start, places or len(lengths), running, **options).run()


def test_short_jobs_are_noticed_soon(clock: Clock) -> None:
    assert len(wait(clock, [2.0, 3.0])) == 2
    assert clock.now - 1000.0 < 3.5


def test_long_jobs_are_looked_at_less_and_less_often(clock: Clock) -> None:
    wait(clock, [3600.0])
    assert clock.pauses[0] == PAUSE
    assert clock.pauses == sorted(clock.pauses)
    assert clock.pauses[-1] == LONGEST_PAUSE
    assert len(clock.pauses) < 3600 / LONGEST_PAUSE + 60
    assert clock.now - 1000.0 <= 3600.0 + LONGEST_PAUSE


def test_many_jobs_do_not_make_many_looks(clock: Clock) -> None:
    """Although one of them ends every second."""
    wait(clock, [float(number) for number in range(1, 501)])
    seconds = clock.now - 1000.0
    assert clock.looks <= seconds * max(LOOKS, 500 / LONGEST_PAUSE)


def test_the_longest_pause_can_be_set(clock: Clock) -> None:
    wait(clock, [100.0], longest_pause=1.0)
    assert max(clock.pauses) == 1.0


def test_a_free_place_is_taken_at_once(clock: Clock) -> None:
    wait(clock, [1.0, 1.0, 1.0], places=1)
    assert clock.now - 1000.0 < 4.0


@pytest.fixture
def queued_again() -> Iterator[list[int]]:
    """The signals after which a job was queued again, as submitit does it: its handler then leaves the process."""
    numbers = (signal.SIGUSR2, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    answered: list[int] = []

    def requeue(number: int, frame: Any) -> None:
        answered.append(number)
        raise SystemExit(5)

    signal.signal(signal.SIGUSR2, requeue)
    yield answered
    answer_with({})
    for number, handler in before.items():
        signal.signal(number, handler)


def announced() -> None:
    """SLURM announces the end of the job."""
    os.kill(os.getpid(), signal.SIGUSR2)
    for _ in range(1000):  # a handler runs between two operations of Python
        pass


def passes_on() -> JobReturn:
    announced()
    raise AssertionError("the signal was lost")


def replaces() -> JobReturn:
    try:
        announced()
    except Leaving:
        raise ImportError("initialization failed") from None
    raise AssertionError("the signal was lost")


def reports() -> JobReturn:
    try:
        return replaces()
    except ImportError as error:
        return failed(str(error))


@pytest.mark.parametrize("work", [passes_on, replaces, reports])
def test_a_job_that_is_queued_again_leaves_no_result(queued_again: list[int], work: Callable[[], JobReturn]) -> None:
    """Also where a library replaces the exception, as Python does where it ends the import of an extension module."""
    with pytest.raises(SystemExit) as left:
        submission.Job(work)()
    assert left.value.code == 5
    assert queued_again == [signal.SIGUSR2]


def test_a_job_that_fails_by_itself_raises_its_error(queued_again: list[int]) -> None:
    def fails() -> JobReturn:
        raise ImportError("no such module")

    with pytest.raises(ImportError, match="no such module"):
        submission.Job(fails)()
    assert queued_again == []
