"""Signals that ask a job to stop are answered between two steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from wee import interruption
from wee.interruption import Leaving, Stopped, answer, answer_with, asked, deferred, take_signals


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave no answers behind."""
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR2, signal.SIGTERM)}
    yield
    interruption._answers.clear()
    interruption._pending.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def leave() -> None:
    raise Leaving(7)


def test_outside_a_loop_a_signal_is_answered_at_once() -> None:
    answer_with({signal.SIGUSR2: leave})
    with pytest.raises(Leaving, match="exit code 7"):
        send(signal.SIGUSR2)


def test_inside_a_loop_a_signal_waits_until_it_is_answered() -> None:
    answer_with({signal.SIGUSR2: leave})
    steps = []

    def work() -> None:
        with deferred():
            for step in range(3):
                if step == 1:
                    send(signal.SIGUSR2)
                steps.append(step)
                assert asked() == (step >= 1)
                answer()

    with pytest.raises(Leaving):
        work()
    assert steps == [0, 1]
    assert not asked()


def test_a_signal_that_was_not_answered_inside_is_answered_at_the_end() -> None:
    answer_with({signal.SIGUSR2: leave})
    done = []

    def work() -> None:
        with deferred():
            send(signal.SIGUSR2)
            done.append(True)

    with pytest.raises(Leaving):
        work()
    assert done


def test_signals_that_a_library_took_are_taken_back() -> None:
    answer_with({signal.SIGTERM: leave})
    with deferred():
        signal.signal(signal.SIGTERM, lambda *_: pytest.fail("the library got it"))
        take_signals()
        send(signal.SIGTERM)
        with pytest.raises(Leaving):
            answer()


def test_without_a_scheduler_sigterm_is_like_ctrl_c_and_other_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR2)

    def work() -> None:
        with deferred():
            assert signal.getsignal(signal.SIGUSR2) == before[1]
            send(signal.SIGTERM)
            answer()

    with pytest.raises(KeyboardInterrupt):
        work()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR2)) == before


def test_leaving_and_stopping_are_no_errors_that_a_handler_of_errors_could_keep() -> None:
    assert not issubclass(Leaving, Exception)
    assert not issubclass(Stopped, Exception)
    assert not issubclass(Leaving, SystemExit)
