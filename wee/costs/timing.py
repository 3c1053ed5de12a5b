"""Timing of things that run alternately, so that a drift of the machine affects all of them alike. Imports no torch."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Subject:
    """Something that is timed: calls that process a batch of samples each.

    Attributes:
        run: does call number 0, 1, 2, ..
        batch: the number of samples in each call.
        calls: the number of calls in one turn.
    """

    run: Callable[[int], object]
    batch: int
    calls: int


@dataclass(frozen=True)
class Times:
    """The times of one subject.

    Attributes:
        calls: the time of each call in seconds [rounds, calls in a turn].
        batch: the number of samples in each call.

    Example:
        >>> times = Times(np.array([[2.0, 4.0], [4.0, 6.0]]), batch=2)
        >>> times.mean, times.quartiles, times.samples, times.throughput
        (2.0, (1.75, 2.0, 2.25), 8, 0.5)
    """

    calls: Floats
    batch: int

    @property
    def samples(self) -> int:
        """The number of samples that were timed."""
        return self.calls.size * self.batch

    @property
    def mean(self) -> float:
        """The mean time of one sample, in seconds."""
        return float(self.calls.mean()) / self.batch

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The lower quartile, the median and the upper quartile over calls of the time of one sample, in seconds."""
        low, middle, high = np.quantile(self.calls, [0.25, 0.5, 0.75]) / self.batch
        return float(low), float(middle), float(high)

    @property
    def rounds(self) -> Floats:
        """The mean time of one sample in each round, in seconds [rounds]."""
        rounds: Floats = self.calls.mean(axis=1) / self.batch
        return rounds

    @property
    def throughput(self) -> float:
        """The number of samples in a second."""
        return 1 / self.mean


def interleaved(
    subjects: Sequence[Subject],
    rounds: int,
    warmup: int,
    synchronise: Callable[[], object] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
    done: Callable[[int], None] = lambda samples: None,
) -> list[Times]:
    """Time subjects in rounds, in each of which every subject has its turn.

    Every other round goes through the subjects in the opposite order, which cancels a linear drift within two rounds. A turn
    begins with its first call, untimed, because the subject before has left the caches and the allocator in another state.
    The garbage collector runs between rounds only.

    Args:
        subjects: what is timed. In round r, a subject does its calls r * calls, .., (r + 1) * calls - 1.
        rounds: the number of rounds.
        warmup: the number of calls of each subject that are not timed, before the first round; they are the first calls of
            the first rounds, and at most as many as there are.
        synchronise: waits until a device has finished. It is called before the clock is read, at the start and at the end
            of each call.
        clock: returns the time in seconds.
        done: called with the number of samples that have been timed since the last call.

    Returns:
        The times of each subject.
    """
    seconds = [np.empty((rounds, subject.calls)) for subject in subjects]
    for subject in subjects:
        for call in range(min(warmup, rounds * subject.calls)):
            subject.run(call)
    synchronise()
    collects = gc.isenabled()
    try:
        for turn in range(rounds):
            gc.collect()
            gc.disable()
            places = range(len(subjects)) if turn % 2 == 0 else reversed(range(len(subjects)))
            for place in places:
                subject = subjects[place]
                _take_turn(subject, turn, seconds[place][turn], synchronise, clock)
                done(subject.calls * subject.batch)
            if collects:
                gc.enable()
    finally:
        if collects:
            gc.enable()
    return [Times(calls, subject.batch) for calls, subject in zip(seconds, subjects, strict=True)]


def _take_turn(
    subject: Subject,
    turn: int,
    seconds: Floats,
    synchronise: Callable[[], object],
    clock: Callable[[], float],
) -> None:
    """Time the calls of one turn, and write their times into `seconds` [calls]."""
    run, first = subject.run, turn * subject.calls
    run(first)
    for place in range(subject.calls):
        synchronise()
        start = clock()
        run(first + place)
        synchronise()
        seconds[place] = clock() - start
