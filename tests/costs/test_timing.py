"""Timing in rounds, with a clock that the tests set."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from tests.helpers.clocks import FakeClock
from wee.costs.timing import Subject, Times, interleaved


def test_every_subject_has_its_turn_in_every_round_in_alternating_order() -> None:
    clock, order = FakeClock(), []
    done: list[int] = []

    def subject(name: str, seconds: float, calls: int) -> Subject:
        def run(call: int) -> None:
            order.append((name, call))
            clock.now += seconds * (call + 1)

        return Subject(run, 4, calls)

    times = interleaved([subject("a", 1.0, 2), subject("b", 10.0, 1)], 3, 1, clock=clock, done=done.append)
    assert order == [
        ("a", 0), ("b", 0),  # warm-up
        ("a", 0), ("a", 0), ("a", 1), ("b", 0), ("b", 0),  # the first call of each turn is not timed
        ("b", 1), ("b", 1), ("a", 2), ("a", 2), ("a", 3),
        ("a", 4), ("a", 4), ("a", 5), ("b", 2), ("b", 2),
    ]  # fmt: skip
    assert times[0].calls.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert times[1].calls.tolist() == [[10], [20], [30]]
    assert done == [8, 4, 4, 8, 8, 4]
    assert (times[0].samples, times[0].mean, times[0].throughput) == (24, 3.5 / 4, pytest.approx(4 / 3.5))
    assert times[0].rounds.tolist() == [1.5 / 4, 3.5 / 4, 5.5 / 4]
    assert times[1].quartiles == (15 / 4, 20 / 4, 25 / 4)


def test_a_call_is_timed_from_one_synchronisation_to_the_next() -> None:
    """What is left to be done on a device before a call does not count, and what the call leaves there does."""
    clock, pending = FakeClock(), [7.0]

    def run(call: int) -> None:
        clock.now += 1
        pending.append(2.0)

    def synchronise() -> None:
        clock.now += sum(pending)
        pending.clear()

    (times,) = interleaved([Subject(run, 1, 3)], 2, 0, synchronise, clock)
    assert times.calls.tolist() == [[3, 3, 3], [3, 3, 3]]


def test_warm_up_does_no_more_calls_than_there_are() -> None:
    calls: list[int] = []
    interleaved([Subject(calls.append, 1, 2)], 2, 100, clock=FakeClock())
    assert calls == [0, 1, 2, 3, 0, 0, 1, 2, 2, 3]


def test_the_garbage_collector_waits_for_the_end_of_a_round() -> None:
    states: list[bool] = []

    def run(call: int) -> None:
        states.append(gc.isenabled())
        if call == 1:
            raise KeyboardInterrupt

    assert gc.isenabled()
    with pytest.raises(KeyboardInterrupt):
        interleaved([Subject(run, 1, 2)], 1, 0)
    assert states == [False, False, False]
    assert gc.isenabled()


def test_times_are_of_one_sample() -> None:
    times = Times(np.array([[2.0, 6.0]]), batch=4)
    assert (times.mean, times.samples, times.quartiles[1]) == (1.0, 8, 1.0)
